-- The admin interface on the unix socket, for the manager alone. JSON in, JSON out.
--
--   GET    /health          how many routes there are
--   GET    /routes          every route, with its token
--   PUT    /routes          replace all: a list of routes
--   PUT    /routes/<id>     add or change one
--   DELETE /routes/<id>     remove one; absent is success
--   GET    /keys            ids of the keys, without their secrets
--   PUT    /keys            the keys that sign links and cookies, the current one first
--   GET    /notices         how many notices for visitors there are
--   PUT    /notices         add or change some: a list of notices
--   PUT    /pool-page       the operators' page: {html}
--   GET    /extensions      when users asked that their sessions go on, by route
--   GET    /activity        last requests, open websockets and answers that were cut off, by route

local json = require "cjson.safe"
local routes = require "gateway.routes"
local notices = require "gateway.notices"
local activity = require "gateway.activity"
local pool_page = require "gateway.pool_page"
local signing = require "gateway.signing"
local tab = require "gateway.tab"

local M = {}

local function say(status, answer)
    ngx.status = status
    ngx.header.content_type = "application/json"
    ngx.print(json.encode(answer))
end

local function refuse(why)
    say(422, { error = why })
end

local function body()
    ngx.req.read_body()
    local text = ngx.req.get_body_data() or ""
    return json.decode(text), text
end

-- A JSON list, each of which has been looked at; or nil, and why it is refused.
local function checked_list(what, fault_of)
    local given, text = body()
    if type(given) ~= "table" or text:sub(1, 1) ~= "[" then
        return nil, "the " .. what .. " are not a JSON list"
    end
    for _, one in ipairs(given) do
        local fault = fault_of(one)
        if fault then
            return nil, fault
        end
    end
    return given
end

local function health()
    say(200, { routes = routes.count(), worker = ngx.worker.pid() })
end

-- An empty Lua table does not say whether it is a list, so the list is one field of an answer that is not empty.
local function list()
    local all = routes.all()
    say(200, { count = #all, routes = all })
end

local function replace()
    local wanted, why = checked_list("routes", routes.fault_of)
    if not wanted then
        return refuse(why)
    end
    local fault = routes.replace(wanted)
    if fault then
        return say(507, { error = fault })
    end
    say(200, { routes = #wanted })
end

local function put(id)
    local route = body()
    local fault = routes.fault_of(route) or (route.id ~= id and "the route's id is not the one in the address")
    if fault then
        return refuse(fault)
    end
    fault = routes.put(route)
    if fault then
        return say(507, { error = fault })
    end
    say(200, { routes = 1 })
end

local function drop(id)
    routes.drop(id)
    say(200, { routes = 0 })
end

local function put_keys()
    local keys, why = checked_list("keys", signing.fault_of_key)
    why = why or signing.put_keys(keys)
    if why then
        return refuse(why)
    end
    say(200, { keys = #keys })
end

local function list_keys()
    local ids = {}
    for i, key in ipairs(signing.keys()) do
        ids[i] = key.id
    end
    say(200, { count = #ids, ids = ids })
end

local function put_notices()
    local given, why = checked_list("notices", notices.fault_of)
    if not given then
        return refuse(why)
    end
    for _, notice in ipairs(given) do
        notices.put(notice)
    end
    say(200, { notices = #given })
end

local function put_pool_page()
    local fault = pool_page.put((body()))
    if fault then
        return refuse(fault)
    end
    say(200, { page = 1 })
end

-- As in list(): an empty table is no object.
local function list_extension_requests()
    local requested = tab.extension_requests()
    say(200, next(requested) and { count = 1, requested = requested } or { count = 0 })
end

local ACTIONS = {
    { "GET", "^/health$", health },
    { "GET", "^/routes$", list },
    { "PUT", "^/routes$", replace },
    { "PUT", "^/routes/([^/]+)$", put },
    { "DELETE", "^/routes/([^/]+)$", drop },
    { "GET", "^/keys$", list_keys },
    { "PUT", "^/keys$", put_keys },
    { "GET", "^/notices$", function() say(200, { count = notices.count() }) end },
    { "PUT", "^/notices$", put_notices },
    { "PUT", "^/pool%-page$", put_pool_page },
    { "GET", "^/extensions$", list_extension_requests },
    { "GET", "^/activity$", function() say(200, activity.all()) end },
}

function M.answer()
    for _, action in ipairs(ACTIONS) do
        local method, pattern, act = unpack(action)
        local found, _, argument = ngx.var.uri:find(pattern)
        if found and method == ngx.req.get_method() then
            return act(argument)
        end
    end
    say(404, { error = "the gateway has no " .. ngx.req.get_method() .. " for this address" })
end

return M
