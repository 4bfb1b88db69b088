-- The inlet's memory: which link a request came by, which attempt it is, and which rules hit it.
-- inlet.py writes the globals CONTROL (the control address), TOKEN (a file, see control.py), CARRIERS (headers), FIELDS (of
-- JSON bodies) and LINKS (inlet address -> {app, edge}) above this text.

local GENERATION = 20000 -- calls remembered in one generation of the attempt counters

local rules, by_inlet = {}, {}
local counts, older, counted = {}, {}, 0

-- draw.py's unit(): FNV-1a 32, then murmur3's fmix32. Numbers are doubles, so products are kept below 2^53.
local band, bxor, rshift = bit.band, bit.bxor, bit.rshift

local function multiply(a, b)
  local high = (math.floor(a / 65536) * b) % 65536
  return (high * 65536 + (a % 65536) * b) % 4294967296
end

local function xor(a, b)
  return bxor(a, b) % 4294967296
end

local function unit(text)
  local value = 2166136261
  for index = 1, #text do
    value = multiply(xor(value, text:byte(index)), 16777619)
  end
  value = multiply(xor(value, rshift(value, 16)), 0x85ebca6b)
  value = multiply(xor(value, rshift(value, 13)), 0xc2b2ae35)
  return xor(value, rshift(value, 16)) / 4294967296
end

local function split(text, separator)
  local parts = {}
  for part in (text .. separator):gmatch("(.-)" .. separator) do
    parts[#parts + 1] = part
  end
  return parts
end

local function set_of(text)
  if text == "*" then
    return nil
  end
  local set = {}
  if text ~= "" then
    for _, member in ipairs(split(text, ",")) do
      set[member] = true
    end
  end
  return set
end

local function written(set)
  if set == nil then
    return "*"
  end
  local members = {}
  for member in pairs(set) do
    members[#members + 1] = member
  end
  table.sort(members)
  return table.concat(members, ",")
end

local function number(text)
  if text == "*" then
    return nil
  end
  return tonumber(text) or error("not a number: " .. text, 0)
end

-- What a rule aborts with is a status, "503", or a gRPC status, "grpc-14".
local function read_abort(text)
  local grpc = text:match("^grpc%-(%d+)$")
  if grpc ~= nil then
    return nil, number(grpc)
  end
  return number(text), nil
end

local function shown(value)
  return value and string.format("%.17g", value) or "*"
end

-- One rule is one line: fault, inlets, abort, delay, rate, users, cohort, requests, attempts, seed (tabs, * = none).
local function read_rule(line)
  local field = split(line, "\t")
  if #field ~= 10 then
    error("a rule has 10 fields, this one " .. #field, 0)
  end
  local abort, grpc = read_abort(field[3])
  local rule = {
    fault = field[1], inlets = set_of(field[2]), abort = abort, grpc = grpc, delay = number(field[4]),
    rate = number(field[5]), users = set_of(field[6]), cohort = field[7] ~= "*" and field[7] or nil,
    requests = number(field[8]), attempts = set_of(field[9]), seed = field[10],
  }
  for inlet in pairs(rule.inlets) do
    if LINKS[inlet] == nil then
      error("no such inlet: " .. inlet, 0)
    end
  end
  return rule
end

local function write_rule(rule)
  return table.concat({
    rule.fault, written(rule.inlets), rule.grpc and "grpc-" .. shown(rule.grpc) or shown(rule.abort), shown(rule.delay), shown(rule.rate), written(rule.users),
    rule.cohort or "*", shown(rule.requests), written(rule.attempts), rule.seed,
  }, "\t") .. "\n"
end

local function replace_rules(text)
  local parsed, index = {}, {}
  for line in text:gmatch("[^\n]+") do
    local rule = read_rule(line)
    parsed[#parsed + 1] = rule
    for inlet in pairs(rule.inlets) do
      index[inlet] = index[inlet] or {}
      table.insert(index[inlet], rule)
    end
  end
  rules, by_inlet = parsed, index
end

local function serialised()
  local lines = {}
  for index, rule in ipairs(rules) do
    lines[index] = write_rule(rule)
  end
  return table.concat(lines)
end

-- Whether a request has the token of the run. Without a file there is none, and nobody may set rules.
local function is_allowed(headers)
  local file = io.open(TOKEN)
  local token = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return token ~= "" and headers:get("authorization") == "Bearer " .. token
end

local function control(handle)
  local status, answer = "200", nil
  if handle:headers():get(":path") == "/probe" then -- nothing but the way here and back
    return handle:respond({ [":status"] = "200" }, "")
  end
  if not is_allowed(handle:headers()) then
    return handle:respond({ [":status"] = "401" }, "this needs the token of the run")
  end
  if handle:headers():get(":method") ~= "GET" then
    local body = handle:body(true)
    local fine, problem = pcall(replace_rules, body:getBytes(0, body:length()))
    if not fine then
      status, answer = "400", problem
    end
  end
  handle:respond({ [":status"] = status, ["content-type"] = "text/plain" }, answer or serialised())
end

-- Attempts without a header are counted; two generations, so that nothing in flight is forgotten and nothing grows for ever.
local function count(key)
  local seen = (counts[key] or older[key] or 0) + 1
  if counts[key] == nil then
    if counted >= GENERATION then
      counts, older, counted = {}, counts, 0
    end
    counted = counted + 1
  end
  counts[key] = seen
  return seen
end

local function attempt_of(headers, id, edge)
  local told = tonumber(headers:get("x-envoy-attempt-count") or "")
  if told ~= nil or id == nil then
    return told or 1
  end
  return count(id .. "|" .. edge .. "|" .. headers:get(":method") .. "|" .. headers:get(":path"))
end

-- The value of a member; percent-encoded or not, without properties. access_log.py reads the log in the same way.
local function member(baggage, name)
  local value = baggage:match(",%s*tb%." .. name .. "%s*=%s*([^,;%s]+)")
  value = value and value:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end)
  return value and value:match("^[%w._-]+$")
end

-- What the request carries of its context: the members of all the headers that may have them.
local function carried(headers)
  local found = ""
  for _, name in ipairs(CARRIERS) do
    found = found .. "," .. (headers:get(name) or "")
  end
  return found
end

-- The text that decides about a share. The calls of one request on one edge are drawn one by one: the second, which the
-- request makes with the same attempt number, adds its own number.
local function drawn(request)
  if request.drawn == nil then
    local which = request.draw .. "|" .. request.edge .. "|" .. request.attempt
    local call = count("call|" .. which)
    request.drawn = call == 1 and which or which .. "|" .. call
  end
  return request.drawn
end

local function meets(rule, request)
  return (rule.users == nil or rule.users[request.user or ""])
    and (rule.cohort == nil or rule.cohort == request.cohort)
    and (rule.attempts == nil or rule.attempts[tostring(request.attempt)])
    and (rule.requests == nil or unit(rule.seed .. "|" .. drawn(request)) < rule.requests)
end

-- Several rules on one request: delays add up, the first abort is the answer, the first rate its speed; all are logged.
local function apply(headers, found, request)
  local faults, delay, abort, grpc, rate = {}, 0, nil, nil, nil
  for _, rule in ipairs(found) do
    if meets(rule, request) then
      faults[#faults + 1] = rule.fault
      delay, abort = delay + (rule.delay or 0), abort or rule.abort
      grpc, rate = grpc or rule.grpc, rate or rule.rate
    end
  end
  if delay > 0 then
    headers:replace("x-envoy-fault-delay-request", string.format("%d", delay))
  end
  if abort ~= nil then
    headers:replace("x-envoy-fault-abort-request", string.format("%d", abort))
  end
  if grpc ~= nil then
    headers:replace("x-envoy-fault-abort-grpc-request", string.format("%d", grpc))
  end
  if rate ~= nil then
    headers:replace("x-envoy-fault-throughput-response", string.format("%d", rate))
  end
  return table.concat(faults, ",")
end

-- The first value of a field in a text of JSON: a string or a number, at any depth.
local function value_of(text, field)
  local name = '"' .. field:gsub("%-", "%%-") .. '"%s*:%s*'
  return text:match(name .. '"([^"]*)"') or text:match(name .. "(%-?[%w.]+)")
end

-- What names the effect of a request. A body is read only if such fields are wanted, and only a small one of JSON.
local function note_fields(handle, headers)
  local length = tonumber(headers:get("content-length") or "")
  local kind = headers:get("content-type") or ""
  if #FIELDS == 0 or length == nil or length == 0 or length > 65536 or not kind:find("json", 1, true) then
    return
  end
  local body = handle:body()
  if body == nil then
    return
  end
  local text = body:getBytes(0, body:length())
  for _, field in ipairs(FIELDS) do
    local value = value_of(text, field)
    if value ~= nil then
      handle:streamInfo():dynamicMetadata():set("testbed_fields", field, value)
    end
  end
end

function envoy_on_request(handle)
  local address = handle:streamInfo():downstreamLocalAddress()
  if address == CONTROL then
    return control(handle)
  end
  local link, headers = LINKS[address], handle:headers()
  if headers:get("x-testbed-internal") == nil then
    headers:remove("x-envoy-internal") -- it is this Envoy's own, not the caller's
  end
  headers:replace("x-testbed-app", link.app)
  local baggage = carried(headers)
  local id = member(baggage, "id")
  local attempt = attempt_of(headers, id, link.edge)
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("testbed", "attempt", attempt)
  metadata:set("testbed", "id", id or "")
  local found = by_inlet[address]
  if found ~= nil then
    local request = {
      draw = id or headers:get("x-request-id") or "", edge = link.edge, attempt = attempt,
      user = member(baggage, "user"), cohort = member(baggage, "cohort"),
    }
    metadata:set("testbed", "fault", apply(headers, found, request))
  end
  note_fields(handle, headers)
end

-- An app that ends the connection with its answer says so by a header, or by HTTP/1.0: the caller has to know as well.
function envoy_on_response(handle)
  local headers = handle:headers()
  local connection = headers:get("connection")
  if headers:get("x-testbed-close") ~= nil then
    headers:remove("x-testbed-close")
  elseif connection == nil or not connection:lower():find("close", 1, true) then
    return
  end
  handle:streamInfo():drainConnectionUponCompletion()
end
