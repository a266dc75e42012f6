-- How a launch link signs a browser in: once, and a person's.
--
-- Links are read by more than people: scanners of mail, previews of chats, browsers that fetch ahead. So the link shows a page
-- and is used up by nothing that only reads it. The page goes on by itself, as readers do not, to the step that signs in:
-- /dd-launch/enter, with the cookie that came with the page. A program, which means it, sends POST to the link.

local origins = require "gateway.origins"
local pages = require "gateway.pages"
local refusals = require "gateway.refusals"
local signing = require "gateway.signing"

local M = {}

local LINK, STEP = "/dd-launch", "/dd-launch/enter"
local COOKIE, COOKIE_SECONDS = "dd-launch", 60
local LONGEST_TO = 2000

function M.is_for(path)
    return path == LINK or path == STEP
end

-- Browsers say so of what they fetch before a user wants it.
local function is_ahead()
    local said = (ngx.var.http_sec_purpose or "") .. (ngx.var.http_purpose or "") .. (ngx.var.http_x_purpose or "")
        .. (ngx.var.http_x_moz or "")
    return said:find("pre", 1, true) ~= nil -- prefetch, prerender, preview
end

-- Where in the session the link leads: `to`, a path below its root with a query, as an address has it. It names no other
-- place: what climbs, or is no such path, is the root. Browsers read %2e as a dot.
local function wanted()
    local to = ngx.unescape_uri(ngx.var.arg_to or "")
    local is_path = #to <= LONGEST_TO and to:find("^[%w%-._~!$()*+,;=:@/%%?&]*$")
    return is_path and not ngx.unescape_uri(ngx.unescape_uri(to)):find("..", 1, true) and to or ""
end

-- The same, to be carried on by the page.
local function carried()
    local to = wanted()
    return to ~= "" and "&amp;to=" .. ngx.escape_uri(to) or ""
end

local function into(id)
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Referrer-Policy"] = "no-referrer"
    return ngx.redirect("/notebooks/" .. id .. "/" .. wanted(), 303)
end

local function refuse(why)
    refusals.say(why)
    return ngx.exec("@bad_link")
end

-- Of two at the same time one gets in.
local function sign_in(id, ticket)
    if not signing.use_up(ticket, id) then
        return refuse(signing.USED)
    end
    ngx.header["Set-Cookie"] = signing.cookie_for(id, origins.by_tls(), origins.each_its_own())
    return into(id)
end

-- A page of ours was shown to this client, which keeps cookies and now goes where the page leads.
local function comes_from_the_page(ticket)
    local mode = ngx.var.http_sec_fetch_mode
    return ngx.req.get_method() == "GET" and (mode == nil or mode == "navigate")
        and ngx.var["cookie_" .. COOKIE] == signing.nonce_of(ticket)
end

local function show_page(id, ticket, goes_on)
    local step = "/notebooks/" .. id .. STEP
    ngx.header["Set-Cookie"] = COOKIE .. "=" .. signing.nonce_of(ticket) .. "; Path=" .. step .. "; Max-Age="
        .. COOKIE_SECONDS .. "; HttpOnly; SameSite=Lax" .. (origins.by_tls() and "; Secure" or "")
    local query = "?ticket=" .. ticket .. carried()
    return pages.show_launch("/notebooks/" .. id .. LINK .. query, goes_on and step .. query)
end

-- Who is signed in may follow the link again.
function M.answer(id, path)
    local ticket = ngx.var.arg_ticket
    if is_ahead() then
        refusals.say("a launch link that a browser fetched ahead: it stays good")
        return pages.show("ahead", 503)
    elseif ngx.ctx.signed_in then
        return into(id)
    end
    local fault = signing.fault_of_ticket(ticket, id)
    if fault then
        return refuse(fault)
    elseif ngx.req.get_method() == "POST" then
        return origins.foreign() and ngx.exec("@foreign") or sign_in(id, ticket)
    elseif path == STEP and comes_from_the_page(ticket) then
        return sign_in(id, ticket)
    end
    return show_page(id, ticket, path == LINK)
end

return M
