-- SPDX-License-Identifier: MIT
--
-- tern: what `tern record` wrote, in Wireshark (docs/recording.md has every byte)
--
-- Fields begin with `tern.`; calls and their answers are paired, as others are: tern.response_in,
-- tern.request_in, tern.response_time. Try: tshark -X lua_script:tern.lua -r FILE

local tern = Proto("tern", "tern messages")

local KINDS = {
    [1] = "Call", [2] = "Reply", [3] = "Error", [4] = "Event", [5] = "Cancel", [6] = "Part", [7] = "End", [8] = "Gap",
}
local HEAD = 88 -- bytes, before the names
local LINKTYPE = wtap.USER0

local f = {
    version = ProtoField.uint8("tern.version", "Version"),
    kind = ProtoField.uint8("tern.kind", "Kind", base.DEC, KINDS),
    no_reply = ProtoField.bool("tern.no_reply", "Nobody waits for an answer", 16, nil, 1),
    back = ProtoField.bool("tern.back", "Goes back to who called", 16, nil, 2),
    stream = ProtoField.bool("tern.stream", "Streams", 16, nil, 4),
    from = ProtoField.uint64("tern.from", "Sender"),
    to = ProtoField.uint64("tern.to", "Receiver"),
    serial = ProtoField.uint64("tern.serial", "Serial"),
    reference = ProtoField.uint64("tern.reference", "Belongs to serial"),
    stamp = ProtoField.uint64("tern.stamp", "Stamp (ns)"),
    deadline = ProtoField.uint64("tern.deadline", "Deadline (ns)"),
    trace = ProtoField.uint64("tern.trace", "Trace"),
    lost = ProtoField.uint64("tern.lost", "Messages missed, at most"),
    pid = ProtoField.uint32("tern.pid", "Process of the sender"),
    uid = ProtoField.uint32("tern.uid", "User of the sender"),
    service = ProtoField.string("tern.service", "Service"),
    member = ProtoField.string("tern.member", "Member"),
    error = ProtoField.string("tern.error", "Error"),
    type = ProtoField.string("tern.type", "Content type"),
    program = ProtoField.string("tern.program", "Program of the sender"),
    tag = ProtoField.string("tern.tag", "Tag"),
    fds = ProtoField.uint8("tern.fds", "Descriptors"),
    part = ProtoField.bytes("tern.part", "Part"),
    part_size = ProtoField.uint64("tern.part.size", "Size"),
    part_cut = ProtoField.bool("tern.part.cut", "Cut off"),
    request_in = ProtoField.framenum("tern.request_in", "Call in", base.NONE, frametype.REQUEST),
    response_in = ProtoField.framenum("tern.response_in", "Answer in", base.NONE, frametype.RESPONSE),
    response_time = ProtoField.relative_time("tern.response_time", "Time from call to answer"),
}
tern.fields = f

local broken = ProtoExpert.new("tern.broken", "Not a record of tern", expert.group.MALFORMED, expert.severity.ERROR)
local missed = ProtoExpert.new("tern.missed", "Messages were missed", expert.group.SEQUENCE, expert.severity.WARN)
tern.experts = { broken, missed }

-- What is known of other packets: calls by caller and serial; by frame number the pair.
local calls, pairs_of

function tern.init()
    calls, pairs_of = {}, {}
end

local function key(peer, serial)
    return tostring(peer) .. " " .. tostring(serial)
end

-- note() - in the first pass: which call does this belong to?
local function note(m, pinfo)
    if m.kind == 1 then
        calls[key(m.from, m.serial)] = { frame = pinfo.number, stamp = m.stamp, service = m.service, member = m.member }
        pairs_of[pinfo.number] = calls[key(m.from, m.serial)]
    elseif m.kind ~= 4 and m.kind ~= 8 then
        local call = calls[key(m.back and m.to or m.from, m.reference)]
        pairs_of[pinfo.number] = call
        if call and (m.kind == 2 or m.kind == 3) then
            call.answer = pinfo.number
        end
    end
end

-- span() - between two stamps, which are exact
local function span(from, to)
    local ns = (to - from):tonumber()
    return NSTime.new(math.floor(ns / 1e9), ns % 1e9)
end

local function show_pair(m, pinfo, tree)
    local call = pairs_of[pinfo.number]
    if not call then
        return
    end
    if m.kind == 1 then
        if call.answer then
            tree:add(f.response_in, call.answer):set_generated()
        end
        return
    end
    tree:add(f.request_in, call.frame):set_generated()
    if (m.kind == 2 or m.kind == 3) and m.stamp >= call.stamp then
        tree:add(f.response_time, span(call.stamp, m.stamp)):set_generated()
    end
    if call.service ~= "" then
        tree:add(f.service, call.service):set_generated()
    end
    tree:add(f.member, call.member):set_generated()
end

-- text() - one of the strings, whose sizes are known
local function text(tvb, tree, field, at, size)
    local value = size > 0 and tvb(at, size):string() or ""
    if size > 0 and field then
        tree:add(field, tvb(at, size))
    end
    return value, at + size + 1
end

-- payload() - a part, as its content type says
local function payload(tvb, pinfo, tree, kind)
    local name = (kind == "" or kind:find("^application/cbor")) and "cbor" or kind:find("^application/json") and "json"
    if name and tvb:len() > 0 then
        pcall(Dissector.call, Dissector.get(name), tvb, pinfo, tree) -- it may be anything
    end
end

local function parts(tvb, pinfo, tree, m, list, at)
    for i = 0, m.n_parts - 1 do
        local entry = list + 16 * i
        local size, there = tvb(entry, 8):le_uint64(), tvb(entry + 8, 8):le_uint64():tonumber()
        if there > tvb:len() - at then
            tree:add_proto_expert_info(broken, "a part is larger than the record")
            return
        end
        local branch = there > 0 and tree:add(f.part, tvb(at, there)) or tree:add(f.part, tvb(entry, 0))
        branch:set_text(string.format("Part %d: %s bytes", i, tostring(size)))
        branch:add_le(f.part_size, tvb(entry, 8))
        if size ~= UInt64(there, 0) and size:tonumber() ~= there then
            branch:add(f.part_cut, tvb(entry + 8, 8), true)
        elseif i == 0 then
            payload(tvb(at, there):tvb(), pinfo, branch, m.type)
        end
        at = at + there
    end
end

-- strings() - and where the list of parts begins
local function strings(tvb, tree, m)
    local at = HEAD
    m.service, at = text(tvb, tree, f.service, at, tvb(80, 1):uint())
    m.member, at = text(tvb, tree, m.kind == 3 and f.error or f.member, at, tvb(81, 1):uint())
    m.type, at = text(tvb, tree, f.type, at, tvb(82, 1):uint())
    m.program, at = text(tvb, tree, f.program, at, tvb(83, 1):uint())
    m.tags = {}
    for _ = 1, tvb(84, 1):uint() do
        local tag
        tag, at = text(tvb, tree, f.tag, at + 1, tvb(at, 1):uint())
        table.insert(m.tags, tag)
    end
    return at + (8 - at % 8) % 8
end

local function numbers(tvb, tree, m)
    tree:add(f.version, tvb(0, 1))
    tree:add(f.kind, tvb(1, 1))
    tree:add_le(f.no_reply, tvb(2, 2))
    tree:add_le(f.back, tvb(2, 2))
    tree:add_le(f.stream, tvb(2, 2))
    for i, field in ipairs({ f.from, f.to, f.serial, f.reference, f.stamp, f.deadline, f.trace, f.lost }) do
        local range = tvb(8 * i, 8)
        if range:le_uint64() ~= UInt64(0) then
            tree:add_le(field, range)
        end
    end
    tree:add_le(f.pid, tvb(72, 4))
    tree:add_le(f.uid, tvb(76, 4))
    if tvb(86, 1):uint() > 0 then
        tree:add(f.fds, tvb(86, 1))
    end
    m.from, m.to = tvb(8, 8):le_uint64(), tvb(16, 8):le_uint64()
    m.serial, m.reference = tvb(24, 8):le_uint64(), tvb(32, 8):le_uint64()
    m.back = bit.band(tvb(2, 1):uint(), 2) ~= 0
    m.stamp = tvb(40, 8):le_uint64()
    m.pid, m.n_parts = tvb(72, 4):le_uint(), tvb(85, 1):uint()
end

local function name(service, member)
    return service == "" and member or service .. "." .. member
end

local function columns(pinfo, m)
    local call = pairs_of[pinfo.number]
    local info = KINDS[m.kind]
    if m.kind == 4 then
        info = info .. " " .. table.concat(m.tags, " ")
    elseif m.kind == 1 then
        info = info .. " " .. name(m.service, m.member)
    elseif m.kind == 8 then
        info = info .. ": messages were missed"
    elseif call then
        info = info .. " " .. name(call.service, call.member)
    end
    if m.kind == 3 then
        info = info .. ": " .. m.member
    end
    pinfo.cols.protocol = "tern"
    pinfo.cols.info = info
    pinfo.cols.src = m.pid > 0 and string.format("%s[%d]", m.program, m.pid) or ":" .. tostring(m.from)
    pinfo.cols.dst = m.kind == 1 and m.service ~= "" and m.service or m.to ~= UInt64(0) and ":" .. tostring(m.to) or ""
end

local function dissect(tvb, pinfo, tree, m)
    numbers(tvb, tree, m)
    local list = strings(tvb, tree, m)
    if list + 16 * m.n_parts ~= tvb(4, 4):le_uint() then
        tree:add_proto_expert_info(broken, "the list of parts is not where it should be")
        return
    end
    if not pinfo.visited then
        note(m, pinfo)
    end
    show_pair(m, pinfo, tree)
    if m.kind == 8 then
        tree:add_proto_expert_info(missed)
    end
    parts(tvb, pinfo, tree, m, list, tvb(4, 4):le_uint())
    columns(pinfo, m)
end

function tern.dissector(tvb, pinfo, root)
    pinfo.cols.protocol = "tern"
    local tree = root:add(tern, tvb())
    if tvb:len() < HEAD or tvb(0, 1):uint() ~= 1 or not KINDS[tvb(1, 1):uint()] then
        tree:add_proto_expert_info(broken)
        return
    end
    local m = { kind = tvb(1, 1):uint() }
    if not pcall(dissect, tvb, pinfo, tree, m) then
        tree:add_proto_expert_info(broken, "it ends too early")
    end
end

DissectorTable.get("wtap_encap"):add(LINKTYPE, tern)
