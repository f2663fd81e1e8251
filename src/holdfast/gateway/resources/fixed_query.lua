-- Add the query of an endpoint's URL to a request. The route's metadata has it as "query".
-- Parameters of the same name that the caller sent are removed; the rest stays as it is, in its order.

local function name_of(parameter)
  local name = parameter:match("^[^=]*"):gsub("+", " ")
  return (name:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

function envoy_on_request(handle)
  local fixed, headers = handle:metadata():get("query"), handle:headers()
  local path, query = headers:get(":path"):match("^([^?]*)%??(.*)$")
  local is_fixed, parameters = {}, { fixed }
  for parameter in fixed:gmatch("[^&]+") do is_fixed[name_of(parameter)] = true end
  for parameter in query:gmatch("[^&]+") do
    if not is_fixed[name_of(parameter)] then parameters[#parameters + 1] = parameter end
  end
  headers:replace(":path", path .. "?" .. table.concat(parameters, "&"))
end
