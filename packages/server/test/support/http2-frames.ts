/** HTTP/2 by hand, for what no client library would send. */
export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const emptySettings = frame(4, 0, 0, new Uint8Array());

/** The HPACK block of a gRPC call. */
export function grpcHead(path: string): Buffer {
  const literal = (name: readonly number[], value: string) =>
    Buffer.concat([Buffer.from([...name, value.length]), Buffer.from(value)]);
  return Buffer.concat([
    // :method POST and :scheme http are in the static table; so are the names of :path, :authority and content-type.
    Buffer.from([0x83, 0x86]),
    literal([0x04], path),
    literal([0x01], 'x'),
    literal([0x0f, 0x10], 'application/grpc'),
  ]);
}
