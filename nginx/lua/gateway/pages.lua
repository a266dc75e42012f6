-- The gateway's own pages. They are read once and hold nothing from the request and nothing from the table of routes, so
-- they can leak neither an address nor a secret. A notice adds the manager's words, which are for visitors.

local notices = require "gateway.notices"
local refusals = require "gateway.refusals"

local M = {}
local pages, style = {}, ""

local NAMES = { "welcome", "unknown", "sign_in", "launch", "ahead", "bad_link", "download", "bad_download", "not_answering", "refused", "foreign",
                "too_many_cookies", "too_large", "too_many", "trouble", "queued", "starting", "moving", "ended" }
-- 503: come back soon; 410: it is gone for good.
local STATUS = { queued = 503, starting = 503, moving = 503, ended = 410 }

local POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors *"

local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

local ESCAPED = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function escaped(text)
    return (text:gsub("[&<>\"']", ESCAPED))
end

-- Puts the values where the page has a comment of their name.
local function filled(page, values)
    return (page:gsub("<!%-%- (%l+) %-%->", values))
end

function M.load(directory, platform_url)
    style = read(directory .. "/style.css")
    local back = platform_url ~= ""
        and '<p><a href="' .. escaped(platform_url) .. '">Back to the application</a></p>' or ""
    for _, name in ipairs(NAMES) do
        local page = read(directory .. "/" .. name .. ".html"):gsub("/%* style %*/", function() return style end)
        pages[name] = filled(page, { back = back })
    end
end

-- What a program gets instead of the page: its heading.
local function sentence(page)
    return page:match("<h1>(.-)</h1>") .. "\n"
end

function M.headers(content_type)
    ngx.header["Content-Type"] = content_type
    ngx.header["Content-Security-Policy"] = POLICY
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Referrer-Policy"] = "no-referrer"
    ngx.header["X-Content-Type-Options"] = "nosniff"
    ngx.header["X-Robots-Tag"] = "noindex"
end

local LAUNCH_POLICY = POLICY:gsub("form%-action 'none'", "form-action 'self'") .. ""
local LAUNCH_WORDS = "Open this link in a browser; a program sends POST to it.\n"

local DOWNLOAD_WORDS = "Open this link in a browser; a program sends POST to it, once.\n"

-- words: for a program, instead of the page's heading.
local function send(page, status, words, policy)
    local wants_html = (ngx.var.http_accept or ""):find("text/html", 1, true)
    ngx.status = status
    M.headers(wants_html and "text/html; charset=utf-8" or "text/plain; charset=utf-8")
    ngx.header["Content-Security-Policy"] = policy or POLICY
    if status == 429 then
        ngx.header["Retry-After"] = "10"
    elseif status == 503 then
        ngx.header["Retry-After"] = "2"
    end
    ngx.print(wants_html and page or words or sentence(page))
end

function M.show(name, status)
    send(pages[name], status)
end

-- The same, and the line in the log says why: *rule* is a function of refusals.lua.
function M.refuse(name, status, rule)
    refusals[rule]()
    M.show(name, status)
end

local function duration(seconds)
    seconds = math.max(0, math.floor(seconds))
    if seconds == 1 then
        return "1 second"
    end
    return seconds < 120 and seconds .. " seconds" or math.floor(seconds / 60) .. " minutes"
end

-- Where a queued session stands, as far as it is known.
local function place(notice)
    local position, estimate = notice.position or 0, notice.estimate_seconds or 0
    local words = position == 1 and "It is the next one." or position > 1 and "It is number " .. position .. "." or ""
    local wait = estimate > 0 and "A place should be free in about " .. duration(estimate) .. "." or ""
    return words .. (words ~= "" and wait ~= "" and " " or "") .. wait
end

-- What a launch link shows: a page that goes on by itself to *step* (nil: that waits for its button), without a script.
function M.show_launch(link, step)
    local refresh = step and '<meta http-equiv="refresh" content="0; url=' .. step .. '">' or ""
    send(filled(pages.launch, { refresh = refresh, action = link }), 200, LAUNCH_WORDS, LAUNCH_POLICY)
end

-- What a link to files shows: a page with a button. What only reads it uses up nothing.
function M.show_download(link)
    send(filled(pages.download, { action = link }), 200, DOWNLOAD_WORDS, LAUNCH_POLICY)
end

-- The page of the session that the request is for, or the one for unknown sessions.
function M.show_notice()
    local notice = notices.get(ngx.var.request_uri:match("^/notebooks/([A-Za-z0-9_-]+)") or "")
    if not notice then
        return M.show("unknown", 404)
    end
    local values = { words = escaped(notice.words), ago = duration(ngx.time() - notice.at),
                     place = place(notice), time = os.date("!%Y-%m-%d at %H:%M UTC", notice.at) }
    send(filled(pages[notice.page], values), STATUS[notice.page])
end

return M
