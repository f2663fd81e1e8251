-- Authentication schemes that are bound to the connection (RFC 4559, section 6; [MS-NTHT]; [MS-WSMV]).
local BOUND = { ntlm = true, negotiate = true, nego2 = true, kerberos = true, credssp = true }

-- Split a field value into its list elements (RFC 9110, section 5.6.1). Commas in quoted strings don't split, unless
-- the quote is never closed.
local function elements(value)
  local found, start, quoted, position = {}, 1, false, 1
  while position <= #value do
    local char = value:sub(position, position)
    if quoted and char == "\\" then
      position = position + 1
    elseif char == '"' then
      quoted = not quoted
    elseif char == "," and not quoted then
      found[#found + 1] = value:sub(start, position - 1)
      start = position + 1
    end
    position = position + 1
  end
  if quoted then
    return elements((value:gsub('"', "")))
  end
  found[#found + 1] = value:sub(start)
  return found
end

-- Return the value without challenges or credentials of bound schemes, and whether there were any. An element that
-- starts with a parameter belongs to the scheme before it.
local function without_bound(value)
  local kept, bound, dropping = {}, false, false
  for _, element in ipairs(elements(value)) do
    local text = element:match("^%s*(.-)%s*$")
    local scheme = text:match("^[^%s=,]+")
    if scheme and not text:match("^[^%s=,]+%s*=") then
      dropping = BOUND[scheme:lower()] or false
      bound = bound or dropping
    end
    if not dropping and text ~= "" then
      kept[#kept + 1] = text
    end
  end
  return table.concat(kept, ", "), bound
end

-- Remove bound schemes from all fields called name; return whether there were any.
local function strip(headers, name)
  local kept, bound = {}, false
  for index = 0, headers:getNumValues(name) - 1 do
    local value = headers:getAtIndex(name, index)
    local rest, found = without_bound(value)
    bound = bound or found
    if not found then
      kept[#kept + 1] = value
    elseif rest ~= "" then
      kept[#kept + 1] = rest
    end
  end
  if bound then
    headers:remove(name)
    for _, value in ipairs(kept) do
      headers:add(name, value)
    end
  end
  return bound
end

function envoy_on_request(handle)
  strip(handle:headers(), "authorization")
  strip(handle:headers(), "proxy-authorization")
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local server, proxy = strip(headers, "www-authenticate"), strip(headers, "proxy-authenticate")
  if server or proxy then
    headers:remove("persistent-auth")
    headers:remove("proxy-support")
    handle:streamInfo():dynamicMetadata():set("holdfast", "connection_authentication", true)
  end
end
