-- Under which names sessions are shown: all under the gateway's, or each under a host name of its own, <route>.<domain>,
-- so that the browser keeps the pages of one session from those of another. And which requests a foreign page has sent.

local M = {}
local scheme, domain = "http", ""

function M.start(settings)
    scheme, domain = settings.public_scheme, settings.session_domain
end

-- Whether browsers reach the gateway by TLS.
function M.by_tls()
    return scheme == "https"
end

-- The route that the request's host name stands for; nil when it is not a session's, or sessions have no names.
function M.session_of_host()
    if domain == "" then
        return nil
    end
    local host = ngx.var.host
    local label = host:match("^([a-z0-9_-]+)%.")
    return label and host == label .. "." .. domain and label or nil
end

-- Whether the request came under the name of this session.
function M.is_of(id)
    return domain == "" or M.session_of_host() == id
end

-- Whether sessions have names of their own.
function M.each_its_own()
    return domain ~= ""
end

-- With the port that the browser uses.
function M.of(id)
    return scheme .. "://" .. id .. "." .. domain .. (ngx.var.public_host:match(":%d+$") or "")
end

local CHANGES_NOTHING = { GET = true, HEAD = true, OPTIONS = true }
-- What a browser says of a request of the session's own page, and of one that a person began in the address bar.
local OWN = { ["same-origin"] = true, none = true }
local USUAL_PORT = { http = ":80$", https = ":443$" }

-- As browsers write an origin: in lower case, without the usual port. It is the one that the browser itself has in its
-- address bar, if that is one of our names: a page elsewhere has another name or port, and says so in "Origin".
local function public_origin()
    return scheme .. "://" .. ngx.var.public_host:lower():gsub(USUAL_PORT[scheme], "")
end

-- Whether a page of another origin had the browser send what may change something, or open a websocket: it must not act in
-- the visitor's name. Sessions cannot tell: the token that the gateway adds switches their own check off. Programs name
-- no origin; browsers always do.
function M.foreign(is_websocket)
    if not is_websocket and CHANGES_NOTHING[ngx.req.get_method()] then
        return false
    end
    local site, origin = ngx.var.http_sec_fetch_site, ngx.var.http_origin
    if site ~= nil and not OWN[site] then
        return true
    end
    -- The form of a page whose Referrer-Policy is "no-referrer" comes with "null", also to the page's own origin.
    local unnamed = origin == "null" and site == "same-origin"
    return origin ~= nil and origin ~= public_origin() and not unnamed
end

return M
