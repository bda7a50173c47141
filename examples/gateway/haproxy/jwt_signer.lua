-- Asks jwt-signer about a request: sets what the answer has, removes what it names, or refuses as it says.

local ASK = "http://127.0.0.1:9191/auth"
local TIMEOUT = 6000 -- milliseconds
local NOT_WRITTEN = {
    ["cache-control"] = true, ["connection"] = true, ["content-length"] = true, ["date"] = true,
    ["server"] = true, ["x-jwt-signer-remove"] = true,
}

-- HAProxy counts the values of a header from 0.
local function values(of)
    local list = {}
    for index = 0, #of do
        if of[index] ~= nil then table.insert(list, of[index]) end
    end
    return list
end

local function question(txn)
    local headers = {}
    for name, of in pairs(txn.http:req_get_headers()) do
        headers[name] = values(of)
    end
    for _, name in ipairs({ "host", "content-length", "transfer-encoding", "connection", "expect" }) do
        headers[name] = nil
    end
    -- These three tell of the request; set here, they replace whatever a client sent.
    headers["x-original-method"] = { txn.f:method() }
    headers["x-original-uri"] = { txn.f:pathq() }
    headers["x-original-host"] = { txn.f:req_hdr("host") or "" }
    return headers
end

local function refuse(txn, status, headers, body)
    local reply = txn:reply({ status = status, body = body })
    for name, of in pairs(headers) do
        if name ~= "content-length" and name ~= "connection" then
            for _, value in ipairs(values(of)) do reply:add_header(name, value) end
        end
    end
    txn:done(reply)
end

core.register_action("jwt_signer", { "http-req" }, function(txn)
    local answer = core.httpclient():get({ url = ASK, headers = question(txn), timeout = TIMEOUT })
    if answer.status == nil or answer.status == 0 then
        refuse(txn, 503, {}, "")
        return
    end
    if answer.status ~= 200 then
        refuse(txn, answer.status, answer.headers, answer.body)
        return
    end
    local removed = answer.headers["x-jwt-signer-remove"]
    if removed == nil then -- somebody else answered
        refuse(txn, 503, {}, "")
        return
    end
    for name in string.gmatch(removed[0], "[^, ]+") do
        txn.http:req_del_header(name)
    end
    for name, of in pairs(answer.headers) do
        if not NOT_WRITTEN[name] then txn.http:req_set_header(name, of[0]) end
    end
end)
