-- Rewrite the backend's own URLs in a response to the gateway's. The virtual host's metadata has for each route, by name:
--   origin  the endpoint's origin, as https://host:port without a default port
--   host    the endpoint's host, an IPv6 address without brackets
--   others  the hosts of the group's further endpoints, by origin; nil if there are none
--   base    the path of the endpoint's URL, without a final slash
--   public  the API's path on the gateway, unless the route's own metadata has another one
-- Backends control the header values, so everything here runs in linear time.

local DEFAULT_PORTS = { ["http:"] = ":80", ["https:"] = ":443" }

-- Return the rest of path after prefix if path is prefix or below it.
local function rest_below(path, prefix)
  if path:sub(1, #prefix) == prefix then
    local rest = path:sub(#prefix + 1)
    if rest == "" or rest:find("^[/?#]") then return rest end
  end
end

-- Backends that support X-Forwarded-Prefix already send public paths. If base itself is below public, a path can be
-- either; it counts as the backend's, because most backends don't support the header.
local function is_public(path, route)
  return rest_below(path, route.public) and not rest_below(route.base, route.public)
end

-- Return the public path for a path of the backend; nil if it isn't below base.
local function public_path(path, route)
  if is_public(path, route) then return path end
  local rest = rest_below(path, route.base)
  return rest and route.public .. rest
end

local function is_own_origin(origin, route)
  return origin == route.origin or (route.others and route.others[origin] ~= nil)
end

local function is_own_host(host, route)
  if host == route.host then return true end
  for _, other in pairs(route.others or {}) do
    if host == other then return true end
  end
  return false
end

local function origin_of(scheme, authority)
  local port = DEFAULT_PORTS[scheme]
  if port and authority:sub(-#port) == port then authority = authority:sub(1, -#port - 1) end
  return scheme .. "//" .. authority
end

-- Return the public path for a URL of the backend; a path works with any host and scheme that callers use. URLs of
-- other origins, and references relative to the request's path, stay unchanged.
local function public_url(url, route)
  local scheme, authority, path = url:match("^(%a[%w+.-]*:)//([^/?#]*)(.*)$")
  if not scheme then
    scheme = route.origin:match("^%a+:")
    authority, path = url:match("^//([^/?#]*)(.*)$")
  end
  if not authority then return url:sub(1, 1) == "/" and public_path(url, route) or url end
  if not is_own_origin(origin_of(scheme:lower(), authority:lower()), route) then return url end
  return public_path(path, route) or url
end

local function public_refresh(value, route)
  local before, url, after = value:match("^(.-[;,]%s*[uU][rR][lL]%s*=%s*[\"']?)([^\"']*)(.*)$")
  return before and before .. public_url(url, route) .. after or value
end

local function trim(text)
  local first = text:find("%S")
  return first and text:match(".*%S", first) or ""
end

-- Return the public path of a cookie. A cookie for the whole endpoint, or for a path above it, gets the API's path, so
-- that other APIs on the gateway don't receive it.
local function public_cookie_path(path, route)
  if path:sub(1, 1) ~= "/" or is_public(path, route) then return path end
  if path == "/" then return route.public end
  local rest = rest_below(path, route.base)
  if rest then return route.public .. rest end
  return rest_below(route.base, (path:gsub("/$", ""))) and route.public or path
end

local function public_cookie(cookie, route)
  local is_bound_to_root = cookie:sub(1, 7):lower() == "__host-"
  local parts = {}
  for part in (cookie .. ";"):gmatch("([^;]*);") do
    local equals = part:find("=", 1, true)
    local name = equals and #parts > 0 and trim(part:sub(1, equals - 1)):lower()
    local value = name and trim(part:sub(equals + 1))
    if name == "path" and not is_bound_to_root then
      parts[#parts + 1] = " Path=" .. public_cookie_path(value, route)
    elseif name ~= "domain" or not is_own_host((value:lower():gsub("^%.", "")), route) then
      parts[#parts + 1] = part
    end
  end
  return table.concat(parts, ";")
end

local function rewrite_cookies(headers, route)
  local cookies = {}
  for index = 0, headers:getNumValues("set-cookie") - 1 do
    cookies[#cookies + 1] = public_cookie(headers:getAtIndex("set-cookie", index), route)
  end
  if #cookies > 0 then headers:remove("set-cookie") end
  for _, cookie in ipairs(cookies) do headers:add("set-cookie", cookie) end
end

local REWRITES = { ["location"] = public_url, ["content-location"] = public_url, ["refresh"] = public_refresh }

function envoy_on_response(handle)
  local route = handle:virtualHost():metadata():get(handle:streamInfo():routeName())
  if not route then return end
  route.public = handle:metadata():get("public") or route.public
  local headers = handle:headers()
  for name, rewrite in pairs(REWRITES) do
    local value = headers:get(name)
    if value then headers:replace(name, rewrite(value, route)) end
  end
  rewrite_cookies(headers, route)
end
