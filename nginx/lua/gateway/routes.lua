-- The table of routes: a shared dictionary from route id to the JSON of its record.
--
-- It survives a reload. It does not survive a restart: then start() fills it from the snapshot that the manager wrote.

local json = require "cjson.safe"
local activity = require "gateway.activity"
local addresses = require "gateway.addresses"
local notices = require "gateway.notices"
local signing = require "gateway.signing"
local lrucache = require "resty.lrucache"
local hashing = require "gateway.hashing"

local M = {}
local routes = ngx.shared.routes
local extensions = ngx.shared.extensions -- tab.lua has what users wish
local settings = {}

-- What logs and messages call a route: its id is a secret.
function M.hash_of(id)
    return hashing.hex(id, 6)
end

local function is_id(id)
    return type(id) == "string" and #id >= 16 and #id <= 63 and not id:find("[^A-Za-z0-9_-]")
end

local function is_port(port)
    return type(port) == "number" and port % 1 == 0 and port >= settings.first_port and port <= settings.last_port
end

local function is_header(text)
    return type(text) == "string" and #text <= 4096 and not text:find("[%c]")
end

local function is_limit(number)
    return type(number) == "number" and number % 1 == 0 and number >= 0
end

-- What an open page is told; a gateway before this one, and its snapshot, have none of these.
local function is_time(number)
    return number == nil or is_limit(number)
end

local function is_word(text)
    return text == nil or type(text) == "string" and #text <= 16 and not text:find("[^a-z]")
end

-- Of 300 characters, each of four bytes at the most.
local function is_message(text)
    return text == nil or type(text) == "string" and #text <= 1200 and not text:find("%c")
end

-- Each field with its check and the words for a value that fails it; a record has these fields and no others.
local FIELDS = {
    { "id", is_id, "its id is not 16 to 63 of A-Z a-z 0-9 _ -" },
    { "address", addresses.permitted, "its address is outside the pool's host networks" },
    { "port", is_port, "its port is not a session's" },
    { "token_header", is_header, "its token header is not one line of text" },
    { "strip_prefix", function(v) return type(v) == "boolean" end, "strip_prefix is not true or false" },
    { "rewrite_redirects", function(v) return type(v) == "boolean" end, "rewrite_redirects is not true or false" },
    { "max_upload_mb", is_limit, "max_upload_mb is not a whole number from 0" },
    { "sign_in", function(v) return v == "open" or v == "link" end, "sign_in is neither open nor link" },
    { "ends_at", is_time, "ends_at is not a whole number from 0", may_be_absent = true },
    { "ends_because", is_word, "ends_because is no word", may_be_absent = true },
    { "idle_timeout", is_time, "idle_timeout is not a whole number from 0", may_be_absent = true },
    { "extend_by", is_time, "extend_by is not a whole number from 0", may_be_absent = true },
    { "extend_from", is_time, "extend_from is not a whole number from 0", may_be_absent = true },
    { "message", is_message, "its message is not one line of text", may_be_absent = true },
    { "message_level", is_word, "message_level is no word", may_be_absent = true },
    { "message_until", is_time, "message_until is not a whole number from 0", may_be_absent = true },
}

-- Why the gateway does not take this record; nil when it does.
function M.fault_of(route)
    if type(route) ~= "table" then
        return "a route is not an object"
    end
    for _, field in ipairs(FIELDS) do
        local name, holds, words = unpack(field)
        if not holds(route[name]) then
            local named = type(route.id) == "string" and M.hash_of(route.id) or "?"
            return "route " .. named .. " is refused: " .. words
        end
    end
end

local function stored(route)
    local kept = { hash = M.hash_of(route.id) }
    for _, field in ipairs(FIELDS) do
        local value = route[field[1]]
        if not (field.may_be_absent and (value == 0 or value == "")) then
            kept[field[1]] = value
        end
    end
    return json.encode(kept)
end

-- safe_set, not set: a full dictionary must refuse the new route, never forget an old one.
function M.put(route)
    local done, why = routes:safe_set(route.id, stored(route))
    if not done then
        return "the gateway's table of routes is full (" .. why .. ")"
    end
    notices.drop(route.id)
end

-- As a URL and the balancer want it.
local function address_of(route)
    return route.address:find(":", 1, true) and "[" .. route.address .. "]" or route.address
end

-- A worker decodes a record once: what it remembers is found by the record's text, so a changed record is another.
local decoded = assert(lrucache.new(1000))

function M.get(id)
    local text = routes:get(id)
    if not text then
        return nil
    end
    local route = decoded:get(text)
    if not route then
        route = json.decode(text)
        route.prefix, route.host = "/notebooks/" .. id, address_of(route)
        decoded:set(text, route)
    end
    return route
end

function M.drop(id)
    routes:delete(id)
    activity.forget(id)
    extensions:delete(id)
end

function M.count()
    return #routes:get_keys(0)
end

function M.all()
    local found = {}
    for _, id in ipairs(routes:get_keys(0)) do
        local text = routes:get(id)
        local route = text and json.decode(text)
        if route then
            route.hash = nil
            table.insert(found, route)
        end
    end
    return found
end

-- Every new record is in before the first old one goes: a route that is in both never misses a request.
function M.replace(wanted)
    local keep = {}
    for _, route in ipairs(wanted) do
        local fault = M.put(route)
        if fault then
            return fault
        end
        keep[route.id] = true
    end
    for _, id in ipairs(routes:get_keys(0)) do
        if not keep[id] then
            M.drop(id)
        end
    end
end

local function read(path)
    local file = io.open(path, "rb")
    if not file then
        return nil
    end
    local text = file:read("*a")
    file:close()
    return text
end

-- A route that the settings no longer allow is left out; housekeeping says so when it repairs the table.
local function load_snapshot(path)
    local text = read(path)
    local snapshot = text and json.decode(text)
    if type(snapshot) ~= "table" or type(snapshot.routes) ~= "table" then
        ngx.log(ngx.NOTICE, text and "the snapshot of routes is broken" or "there is no snapshot of routes",
                ": starting with none, housekeeping brings them back")
        return
    end
    signing.put_keys(snapshot.keys or {})
    for _, route in ipairs(snapshot.routes) do
        local fault = M.fault_of(route) or M.put(route)
        if fault then
            ngx.log(ngx.WARN, "snapshot: ", fault)
        end
    end
end

function M.start(given)
    settings = given
    if #routes:get_keys(1) == 0 then
        load_snapshot(settings.snapshot)
    end
end

return M
