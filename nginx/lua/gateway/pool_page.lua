-- The operators' page: the manager draws it, this shows it to those who may see it. Without passwords that is who sits at
-- the gateway's own machine, and not who comes by a proxy on it.

local json = require "cjson.safe"
local forwarded = require "gateway.forwarded"
local origins = require "gateway.origins"
local pages = require "gateway.pages"
local refusals = require "gateway.refusals"

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

-- The page's origin is none at all, so that a notebook under the same name can neither read it nor show it in a frame. The
-- reload in its head counts as a script; "default-src" lets no real one run.
local POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    .. "sandbox allow-scripts"

local function is_loopback(name)
    return name == "localhost" or name == "[::1]" or name == "::1" or name:find("^127%.%d+%.%d+%.%d+$") ~= nil
end

-- By its address and under its name: a name of elsewhere that leads here is another site's, whose page could read this one.
local function at_this_machine()
    return is_loopback(ngx.var.remote_addr) and is_loopback(ngx.var.host) and not forwarded.passed_on()
end

-- Whether a page asks for it, not a person; browsers say so.
local function asked_by_a_page()
    local wanted_as = ngx.var.http_sec_fetch_dest
    return wanted_as ~= nil and wanted_as ~= "document"
end

-- With the reasons that the address asks for, as in ?host=main-01: the page has them all, and shows none by itself.
local function with_reasons(html)
    local noun, name = (ngx.var.args or ""):match("^(%l+)=([%w%-]+)$")
    if not noun then
        return html
    end
    return (html:gsub("</style>", "#why-" .. noun .. "-" .. name .. " { display: block; }</style>", 1))
end

function M.show()
    if origins.session_of_host() then
        return pages.show("unknown", 404) -- a notebook must not read it in its operator's browser
    end
    if asked_by_a_page() or not has_passwords and not at_this_machine() then
        refusals.say("the pool page opens for a person at this machine: DD_GATEWAY_POOL_PASSWORDS")
        return pages.show("refused", 403)
    end
    local html = store:get("html")
    if not html then
        ngx.status = 503
        html = "<!doctype html><title>Pools of hosts</title><p>Housekeeping has not drawn this page yet."
    end
    pages.headers("text/html; charset=utf-8")
    ngx.header["Content-Security-Policy"] = POLICY
    ngx.print(with_reasons(html))
end

return M
