-- Under which names sessions are shown: all under the gateway's, or each under a host name of its own, <route>.<domain>,
-- so that the browser keeps the pages of one session from those of another.

local M = {}
local scheme, authority, domain = "http", "", ""

function M.start(settings)
    scheme, authority = settings.public_scheme, settings.session_authority
    domain = authority:match("^[^:]*")
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

function M.of(id)
    return scheme .. "://" .. id .. "." .. authority
end

return M
