"""GGUF version 3: a small writer and reader for the files that training makes."""

import struct

import numpy

F32, F16, I2_S = 0, 1, 36
ALIGNMENT = 32
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY, _U32, _I32, _F32, _BOOL = 8, 9, 4, 5, 6, 7


def _string(text):
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def _value(value):
    """(type, bytes) of a metadata value: bool, int (u32), float (f32), str, or a list of str or of int (i32)."""
    if isinstance(value, bool):
        return _BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return _U32, struct.pack("<I", value)
    if isinstance(value, float):
        return _F32, struct.pack("<f", value)
    if isinstance(value, str):
        return _STRING, _string(value)
    if all(isinstance(v, str) for v in value):
        return _ARRAY, struct.pack("<IQ", _STRING, len(value)) + b"".join(_string(v) for v in value)
    return _ARRAY, struct.pack("<IQ", _I32, len(value)) + b"".join(struct.pack("<i", v) for v in value)


def pack_i2s(codes, scale):
    """I2_S bytes of a matrix of -1, 0, +1: 128 weights in 32 bytes, then the one scale and 28 bytes of padding."""
    flat = (codes.reshape(-1, 4, 32) + 1).astype(numpy.uint8)
    packed = flat[:, 0] << 6 | flat[:, 1] << 4 | flat[:, 2] << 2 | flat[:, 3]
    return packed.tobytes() + struct.pack("<f", scale) + bytes(28)


def unpack_i2s(raw, count):
    """(codes as int8, scale)"""
    packed = numpy.frombuffer(raw, dtype=numpy.uint8, count=count // 4).reshape(-1, 32)
    codes = numpy.stack([packed >> s & 3 for s in (6, 4, 2, 0)], 1).astype(numpy.int8) - 1
    return codes.reshape(-1), struct.unpack_from("<f", raw, count // 4)[0]


def write(path, metadata, tensors):
    """`tensors`: (name, dims with the row length first, type, bytes) each."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        kind, raw = _value(value)
        head += _string(key) + struct.pack("<I", kind) + raw
    offset = 0
    for name, dims, kind, raw in tensors:
        head += _string(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", kind, offset)
        offset += -(-len(raw) // ALIGNMENT) * ALIGNMENT
    with open(path, "wb") as out:
        out.write(head + bytes(-len(head) % ALIGNMENT))
        for _, _, _, raw in tensors:
            out.write(raw + bytes(-len(raw) % ALIGNMENT))


class _Cursor:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, form):
        value = struct.unpack_from(form, self.raw, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def string(self):
        size = self.take("<Q")
        self.at += size
        return self.raw[self.at - size:self.at].decode("utf-8")

    def value(self, kind):
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            inner, count = self.take("<I"), self.take("<Q")
            return [self.value(inner) for _ in range(count)]
        return self.take(_SCALARS[kind])


def read(path):
    """(metadata, {name: (dims, type, bytes)}); for files of this project's own writer, which it trusts."""
    with open(path, "rb") as file:
        raw = file.read()
    cursor = _Cursor(raw)
    if raw[:4] != b"GGUF":
        raise ValueError(f"{path}: not a GGUF file")
    cursor.at = 8
    tensor_count, key_count = cursor.take("<Q"), cursor.take("<Q")
    metadata = {}
    for _ in range(key_count):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.take("<I"))
    infos = []
    for _ in range(tensor_count):
        name = cursor.string()
        dims = [cursor.take("<Q") for _ in range(cursor.take("<I"))]
        infos.append((name, dims, cursor.take("<I"), cursor.take("<Q")))
    start = -(-cursor.at // ALIGNMENT) * ALIGNMENT
    tensors = {}
    for name, dims, kind, offset in infos:
        count = int(numpy.prod(dims))
        size = {F32: 4 * count, F16: 2 * count, I2_S: count // 4 + 32}[kind]
        tensors[name] = dims, kind, raw[start + offset:start + offset + size]
    return metadata, tensors
