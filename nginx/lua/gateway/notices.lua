-- What visitors of a session are told that does not answer yet, or no more: a shared dictionary from route id to a notice.
--
-- Bounded: a notice is forgotten after a day, and the oldest ones earlier when there is no room. Nothing depends on one.

local json = require "cjson.safe"

local M = {}
local notices = ngx.shared.notices

local KEPT_SECONDS = 86400
local PAGES = { queued = true, starting = true, moving = true, ended = true }

local function is_text(value, most)
    return type(value) == "string" and #value > 0 and #value <= most
end

local function is_count(value)
    return value == nil or type(value) == "number" and value % 1 == 0 and value >= 0
end

-- Why it cannot be shown; nil when it can.
function M.fault_of(notice)
    if type(notice) ~= "table" or not is_text(notice.id, 63) or not PAGES[notice.page] then
        return "a notice names no session, or is of an unknown kind"
    end
    if not is_text(notice.words, 300) or type(notice.at) ~= "number" then
        return "a notice has no words, too many, or no time"
    end
    if not is_count(notice.position) or not is_count(notice.estimate_seconds) then
        return "a notice's position or estimate is not a whole number from 0"
    end
end

function M.put(notice)
    notices:set(notice.id, json.encode(notice), KEPT_SECONDS)
end

function M.get(id)
    local text = notices:get(id)
    return text and json.decode(text)
end

function M.drop(id)
    notices:delete(id)
end

function M.count()
    return #notices:get_keys(0)
end

return M
