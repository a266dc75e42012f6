-- The operators' page: the manager draws it, this shows it to those who may see it. Without passwords that is who sits at
-- the gateway's own machine, and not who comes by a proxy on it.

local json = require "cjson.safe"
local origins = require "gateway.origins"
local pages = require "gateway.pages"

local M = {}
local store = ngx.shared.pool_page
local has_passwords = false

local MOST_BYTES = 1048576

function M.start(passwords)
    has_passwords = passwords
end

-- Why it cannot be kept; nil when it can.
function M.put(page)
    if type(page) ~= "table" or type(page.html) ~= "string" then
        return "the page is not an object with html"
    end
    if #page.html > MOST_BYTES then
        return "the page is too large" -- asked before it is kept: a set that fails would take the old page away
    end
    store:set("html", page.html)
end

local function at_this_machine()
    local address = ngx.var.remote_addr
    return (address:sub(1, 4) == "127." or address == "::1" or address == "unix:") and not ngx.var.http_x_forwarded_for
end

function M.show()
    if origins.session_of_host() then
        return pages.show("unknown", 404) -- a notebook must not read it in its operator's browser
    end
    if not has_passwords and not at_this_machine() then
        return pages.show("refused", 403)
    end
    local html = store:get("html")
    if not html then
        ngx.status = 503
        html = "<!doctype html><title>Pools of hosts</title><p>Housekeeping has not drawn this page yet."
    end
    pages.headers("text/html; charset=utf-8")
    ngx.print(html)
end

return M
