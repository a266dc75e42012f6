-- The gateway's own pages. They are read once, hold nothing from the request and nothing from the table of routes, so
-- they can leak neither an address nor a secret.

local M = {}
local pages, style = {}, ""

local NAMES = { "welcome", "unknown", "sign_in", "not_answering", "refused", "too_large", "too_many", "trouble" }

local POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors *"

local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

function M.load(directory)
    style = read(directory .. "/style.css")
    for _, name in ipairs(NAMES) do
        pages[name] = read(directory .. "/" .. name .. ".html"):gsub("/%* style %*/", function() return style end)
    end
end

-- What a program gets instead of the page: its heading.
local function sentence(page)
    return page:match("<h1>(.-)</h1>") .. "\n"
end

function M.show(name, status)
    local page = pages[name]
    local wants_html = (ngx.var.http_accept or ""):find("text/html", 1, true)
    ngx.status = status
    ngx.header["Content-Type"] = wants_html and "text/html; charset=utf-8" or "text/plain; charset=utf-8"
    ngx.header["Content-Security-Policy"] = POLICY
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Referrer-Policy"] = "no-referrer"
    ngx.header["X-Content-Type-Options"] = "nosniff"
    ngx.header["X-Robots-Tag"] = "noindex"
    if status == 429 then
        ngx.header["Retry-After"] = "10"
    end
    ngx.print(wants_html and page or sentence(page))
end

return M
