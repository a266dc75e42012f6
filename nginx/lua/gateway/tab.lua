-- What the page of a session, open in a browser, is told below the session's own address: when the session ends and why,
-- and what an operator has to say; and the wish of its user to go on, which the manager comes for.
--
--   GET   …/dd-notice             what there is to say, as JSON
--   GET   …/dd-notice/banner.js   a script that asks for it and shows it in a banner
--   POST  …/dd-notice/extend      let the session go on, where its blueprint lets its user
--
-- None of it reaches the session or counts as use of it: an idle session ends, however long its page stays open. All that
-- is said stands in the session's own record of the table of routes.

local json = require "cjson.safe"
local activity = require "gateway.activity"
local pages = require "gateway.pages"
local refusals = require "gateway.refusals"

local M = {}
local wishes = ngx.shared.extensions
local platform_url, banner = "", ""

local NOTICE, SCRIPT, EXTEND = "/dd-notice", "/dd-notice/banner.js", "/dd-notice/extend"
local METHODS = {
    [NOTICE] = { GET = true, HEAD = true }, [SCRIPT] = { GET = true, HEAD = true }, [EXTEND] = { POST = true },
}

local SOON = 600 -- seconds before the end from which on a page says so
-- Seconds after which the page asks again: where nothing is near, and where something is.
local SELDOM, OFTEN = 60, 15
local WISH_SECONDS = 3600
-- What is left, as it is said: a banner whose words change every second could not be listened to.
local LEFT = { { 60, "1 minute" }, { 120, "2 minutes" }, { 300, "5 minutes" }, { SOON, "10 minutes" } }
local BECAUSE = {
    expired = "Its time is over then.", drained = "The machine that it runs on is taken out of service then.",
    idle = "It has not been used for a while, and goes on when it is used.",
}

function M.load(path, url)
    local file = assert(io.open(path, "rb"))
    banner, platform_url = file:read("*a"), url
    file:close()
end

function M.is_for(path)
    return METHODS[path] ~= nil
end

-- When the session ends, as far as is known, and why: at its time, or before that because nothing uses it.
local function next_end(route, now)
    local at, because = route.ends_at or 0, route.ends_because
    local idle_timeout = route.idle_timeout or 0
    if idle_timeout > 0 then
        local idle_at = activity.last_request(route.id) + idle_timeout
        if idle_at < now + SOON and (at == 0 or idle_at < at) and not activity.has_websocket(route.id) then
            return idle_at, "idle"
        end
    end
    return at, because
end

local function words_for(left, because)
    local when = "any moment now"
    for i = #LEFT, 1, -1 do
        if left > 0 and left <= LEFT[i][1] then
            when = "in less than " .. LEFT[i][2]
        end
    end
    return "This session ends " .. when .. ". " .. (BECAUSE[because] or "")
end

local function may_be_extended(route, now)
    return (route.extend_from or 0) > 0 and now >= route.extend_from
end

-- Whether its user asked that it goes on, and that is not fulfilled yet. What was fulfilled lies before the moment from
-- which on the session may be extended again.
local function is_requested(route)
    local at = wishes:get(route.id)
    return at ~= nil and (route.extend_from or 0) > 0 and at >= route.extend_from
end

local function message_of(route, now)
    if (route.message or "") ~= "" and now < route.message_until then
        return { words = route.message, level = route.message_level }
    end
end

-- Of a session that answers.
local function notice_of(route)
    local now = ngx.now()
    local at, because = next_end(route, now)
    local message, said = message_of(route, now), { state = "running" }
    if at > 0 and at - now <= SOON then
        said.words, said.ends_at, said.asked = words_for(at - now, because), at, is_requested(route)
        said.extend_by = may_be_extended(route, now) and not said.asked and route.extend_by or nil
    end
    said.message = message
    said.look_again = (said.words or message) and OFTEN or SELDOM
    return said
end

-- Of one that does not answer yet, or no more: what its address shows.
local function notice_of_absent(notice)
    local over = notice.page == "ended"
    local link = over and platform_url ~= "" and platform_url or nil
    return { state = notice.page, words = notice.words, look_again = over and SELDOM or OFTEN, link = link }
end

local function say(status, said)
    ngx.status = status
    pages.headers("application/json")
    if status == 200 then
        ngx.header["Cache-Control"] = "private, max-age=5"
    end
    ngx.print(json.encode(said))
end

local function show_script()
    pages.headers("text/javascript; charset=utf-8")
    ngx.header["Cache-Control"] = "private, max-age=600"
    ngx.print(banner)
end

-- One wish at a time, and none that the manager would not fulfil. What it says is "asked for", never "done": the page
-- shows when the session ends, and that changes when the manager has written it down.
local function wish(route)
    local now = ngx.now()
    if not may_be_extended(route, now) then
        refusals.say("an extension that is not due, or that its blueprint does not give: extend_by, extensions")
        return say(409, notice_of(route))
    end
    if not is_requested(route) then
        local kept = wishes:safe_set(route.id, now, WISH_SECONDS)
        if not kept then
            return say(503, notice_of(route))
        end
    end
    return say(202, notice_of(route))
end

-- asked: as session.lua has it, of who may pass.
function M.answer(asked)
    local path, method = asked.path, ngx.req.get_method()
    if not METHODS[path][method] then
        return ngx.exit(405)
    elseif path == SCRIPT then
        return show_script()
    elseif path == EXTEND then
        return wish(asked.found)
    end
    return say(200, notice_of(asked.found))
end

-- Of a session without a route: what its address says, to who knows it.
function M.answer_absent(path, notice)
    if path == SCRIPT then
        return ngx.exit(404)
    end
    return say(path == EXTEND and 409 or 200, notice_of_absent(notice))
end

-- For the manager: when users asked, by route.
function M.extension_requests()
    local found = {}
    for _, id in ipairs(wishes:get_keys(0)) do
        found[id] = wishes:get(id)
    end
    return found
end

return M
