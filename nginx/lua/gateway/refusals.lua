-- What the access log says of a request that was turned away: which rule it met and what to set, in the line's "error".
-- No route, no ticket and no path is in it.

local routes = require "gateway.routes"

local M = {}
local limits, domain, most_header_bytes = {}, "", 0

function M.start(settings)
    limits, domain, most_header_bytes = settings.limits, settings.session_domain, settings.header_bytes
end

function M.say(words)
    ngx.var.gateway_error = words
end

local function refused_by_rate()
    return ngx.var.limit_req_status == "REJECTED"
end

-- Which of the four limits it was. Who is signed in is counted by session, all others by address.
function M.too_many()
    local of_session, kind = ngx.var.limited_route ~= "", refused_by_rate() and "requests" or "connections"
    local name = (of_session and "session_" or "address_") .. kind
    M.say("more than " .. (limits[name] or "?") .. " " .. kind .. (kind == "requests" and " a second" or "") .. " of one "
        .. (of_session and "session" or "address that is not signed in") .. ": DD_GATEWAY_" .. name:upper())
end

-- An origin as it may be logged: the host name of a session holds its route. Browsers write them in ASCII; other bytes,
-- or half a letter where the text is cut, would be no UTF-8, and the line no JSON.
local function shown(origin)
    origin = origin:gsub("[^\32-\126]", "?")
    local label, rest = origin:match("^%a+://([^.:/]+)%.([^/]*)$")
    if domain ~= "" and label and rest:gsub(":%d+$", ""):gsub("%.$", ""):lower() == domain then
        return "session " .. routes.hash_of(label:lower()) .. " at " .. rest
    end
    return origin:sub(1, 120)
end

function M.foreign()
    local origin = ngx.var.http_origin
    M.say("asked for by a page of " .. (origin and shown(origin) or "another site (Sec-Fetch-Site)")
        .. ", which is none of the gateway's names: DD_PUBLIC_URL, DD_GATEWAY_NAMES")
end

function M.too_large(route)
    local length = ngx.var.http_content_length
    M.say("an upload of " .. (length and length .. " bytes" or "unknown length") .. ", above the " .. route.max_upload_mb
        .. " MB of its blueprint: max_upload_mb")
end

function M.large_headers()
    M.say("a header of more than " .. most_header_bytes .. " bytes, or too many of them")
end

-- Why a session gave no answer that could be passed on, by how far nginx came with it.
function M.not_answering()
    local connected, received = tonumber(ngx.var.upstream_connect_time), tonumber(ngx.var.upstream_bytes_received) or 0
    if not connected then
        return M.say("its host took no connection at the session's port: is the container there, and its port published?")
    elseif received >= most_header_bytes then
        return M.say("the session's headers are longer than " .. most_header_bytes .. " bytes")
    end
    M.say("the session ended the connection before its answer, or said no HTTP, after " .. received .. " bytes")
end

return M
