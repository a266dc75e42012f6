-- Links and cookies that only the manager's keys can sign.
--
--   launch link   /notebooks/<route>/dd-launch?ticket=<expires>.<nonce>.<key id>.<signature>   once, within its time
--   cookie        <expires>.<key id>.<signature>   for one route
--
-- Under TLS the cookie's name begins with __Host-, or with __Secure- where sessions share a host name: then no page that
-- came without TLS, and none under a neighbouring name, can have put it. The plain name is read as well: a session that was
-- signed in before there was TLS stays open. What counts is the signature.

local bit = require "bit"
local hmac = require "openssl.hmac"
local json = require "cjson.safe"
local rewriting = require "gateway.rewriting"
local lrucache = require "resty.lrucache"

local M = {}
local store = ngx.shared.keys
local used = ngx.shared.used_links

local COOKIE = "dd-session"
-- The value with the spaces around it: to leave them out here would take the square of their number.
local OURS = [[(?:^|;)[ \t]*(?:__Host-|__Secure-)?dd-session[ \t]*(?:=([^;]*))?(?=;|$)]]
-- Each costs some microseconds, and a page can put as many as fit into a request. Browsers send one, or two after a change
-- of its name, and whatever another page under the same name put before it.
local MOST_LOOKED_AT, MOST_CHECKED = 64, 8
local LONGEST_REMEMBERED = 1024 -- bytes of a request's cookies: two thousand of them are 2 MB
local COOKIE_SECONDS = 86400 -- the route ends with its session, long before or after

-- keys: a list of {id, secret (hex)}; the first signs, all are accepted. Why it cannot be taken, or nil.
function M.put_keys(keys)
    local done, why = store:safe_set("keys", json.encode(keys))
    return not done and why or nil
end

-- What a worker decoded last.
local text_of_keys, decoded = "[]", {}

function M.keys()
    local text = store:get("keys") or "[]"
    if text ~= text_of_keys then
        text_of_keys, decoded = text, json.decode(text)
    end
    return decoded
end

function M.fault_of_key(key)
    local whole = type(key) == "table" and type(key.id) == "string" and type(key.secret) == "string"
    if not whole or not key.id:match("^%x+$") or #key.secret < 64 or key.secret:find("%X") then
        return "a signing key has no id, or fewer than 32 bytes"
    end
end

local function bytes_of(hex)
    return (hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

local function sign(key, text)
    local signature = ngx.encode_base64(hmac.new(bytes_of(key.secret), "sha256"):final(text), true)
    return (signature:gsub("+", "-"):gsub("/", "_"))
end

-- Takes as long for a wrong first byte as for a wrong last one.
local function same(left, right)
    if #left ~= #right then
        return false
    end
    local difference = 0
    for i = 1, #left do
        difference = bit.bor(difference, bit.bxor(left:byte(i), right:byte(i)))
    end
    return difference == 0
end

local function key_of(id)
    for _, key in ipairs(M.keys()) do
        if key.id == id then
            return key
        end
    end
end

local function signed_by_us(key_id, text, signature)
    local key = key_of(key_id)
    return key ~= nil and same(sign(key, text), signature)
end

M.USED = "a launch link that was used already: issue-link gives another one"

local function parts_of_ticket(ticket)
    return (ticket or ""):match("^(%d+)%.([%w_-]+)%.(%x+)%.([%w_-]+)$")
end

-- Why the ticket does not open this route now, for the log; nil when it does. Asking uses up nothing.
function M.fault_of_ticket(ticket, route_id)
    local expires, nonce, key_id, signature = parts_of_ticket(ticket)
    if not expires then
        return "a launch link that is not whole"
    elseif tonumber(expires) <= ngx.now() then
        return "a launch link after its time: link_seconds of launch-link-keys/main"
    elseif not signed_by_us(key_id, "launch:" .. route_id .. ":" .. expires .. ":" .. nonce, signature) then
        return "a launch link that none of the keys has signed: they were rotated since, or it was changed"
    end
    return used:get(route_id .. nonce) and M.USED or nil
end

function M.nonce_of(ticket)
    local _, nonce = parts_of_ticket(ticket)
    return nonce
end

-- Whether a ticket without fault is used for the first time: one that was seen over a shoulder is worth nothing.
function M.use_up(ticket, route_id)
    local expires, nonce = parts_of_ticket(ticket)
    return used:safe_add(route_id .. nonce, true, tonumber(expires) - ngx.now() + 1) == true
end

-- alone: no other session is shown under this host name.
function M.cookie_for(route_id, secure, alone)
    local key = M.keys()[1]
    local expires = string.format("%d", ngx.time() + COOKIE_SECONDS)
    local value = expires .. "." .. key.id .. "." .. sign(key, "cookie:" .. route_id .. ":" .. expires)
    local name = (secure and (alone and "__Host-" or "__Secure-") or "") .. COOKIE
    local path = secure and alone and "/" or "/notebooks/" .. route_id .. "/" -- browsers take __Host- with "/" only
    return name .. "=" .. value .. "; Path=" .. path .. "; Max-Age=" .. COOKIE_SECONDS .. "; HttpOnly; SameSite=Lax"
        .. (secure and "; Secure" or "")
end

-- When the cookie would expire, its key and its signature; nil when it is not worth a check.
local function parts_of(value)
    local expires, key_id, signature = value:match("^[ \t]*(%d+)%.(%x+)%.([%w_-]+)[ \t]*$")
    local good = expires and #expires < 13 and tonumber(expires) > ngx.time() and #signature == 43 and key_of(key_id)
    if good then
        return expires, key_id, signature
    end
end

-- Until when one of the cookies opens this route; nil when none does. A page of the session may have put some of the same
-- name before ours.
local function opens_until(header, route_id)
    local next_one, checked = ngx.re.gmatch(header, OURS, "jo"), 0
    for _ = 1, MOST_LOOKED_AT do
        local found = next_one()
        if not found or checked == MOST_CHECKED then
            return nil
        end
        local expires, key_id, signature = parts_of(found[1] or "")
        checked = checked + (expires and 1 or 0)
        if expires and signed_by_us(key_id, "cookie:" .. route_id .. ":" .. expires, signature) then
            return tonumber(expires)
        end
    end
end

local function others_of(header)
    local others = ngx.re.gsub(header, OURS, "", "jo") or ""
    if others:find(rewriting.SHARED_HOST, 1, true) then
        others = ngx.re.gsub(others, "(^|;)([ \\t]*)" .. rewriting.SHARED_HOST, "$1$2__Host-", "jo")
    end
    return (others:gsub("^;?%s*", ""))
end

-- Whether a session means to put a cookie of our name: it would sign its visitor out.
function M.is_named_like_ours(set_cookie)
    return ngx.re.find(set_cookie:match("^[%s=]*([^;]*)"), OURS, "jo") ~= nil
end

-- A worker checks a browser's cookies once: what it remembers counts for this route, with these keys, until they expire.
local remembered = assert(lrucache.new(2000))

-- And the request's other cookies, where they are remembered.
function M.cookie_opens(header, route_id)
    if not header then
        return false
    end
    local keys, known = store:get("keys"), remembered:get(header)
    if known and known.route_id == route_id and known.keys == keys and known.expires > ngx.time() then
        return true, known.others
    end
    local expires = opens_until(header, route_id)
    if expires and #header <= LONGEST_REMEMBERED then
        remembered:set(header, { route_id = route_id, keys = keys, expires = expires, others = others_of(header) })
    end
    return expires ~= nil
end

-- The cookies of a request without ours: the session has no use for it.
function M.without_ours(header)
    return others_of(header)
end

return M
