-- Redirects and cookies of a session, moved below its prefix.

local M = {}

local function below(path, prefix)
    return path == prefix or path:sub(1, #prefix + 1) == prefix .. "/"
end

local function prefixed(path, prefix)
    return below(path, prefix) and path or prefix .. path
end

-- A redirect to the session itself comes back below its prefix; one to another site is left as it is.
-- own: set of the authorities ("host", "host:port") that mean the session.
function M.location(value, prefix, own)
    local authority, rest = value:match("^[Hh][Tt][Tt][Pp][Ss]?://([^/?#]*)(.*)$")
    if not authority then
        authority, rest = value:match("^//([^/?#]*)(.*)$")
    end
    if authority then
        return own[authority] and prefixed(rest:sub(1, 1) == "/" and rest or "/" .. rest, prefix) or value
    end
    return value:sub(1, 1) == "/" and prefixed(value, prefix) or value
end

-- A cookie never leaves its session: its path is put below the prefix, and it names no domain.
function M.cookie(value, prefix)
    value = value:gsub(";%s*[Dd][Oo][Mm][Aa][Ii][Nn]%s*=[^;]*", "")
    local pathless, paths = value:gsub(";%s*[Pp][Aa][Tt][Hh]%s*=%s*([^;]*)", "")
    local path = paths > 0 and value:match(";%s*[Pp][Aa][Tt][Hh]%s*=%s*(/[^;%s]*)") or "/"
    return pathless .. "; Path=" .. prefixed(path, prefix)
end

return M
