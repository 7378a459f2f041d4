import type { DescMethod } from '@bufbuild/protobuf';

/** The protocol and encoding of a call, as its content type says. */
export interface Content {
  readonly protocol: 'grpc' | 'grpc-web' | 'connect';
  readonly codec: 'proto' | 'json';
  /** True if messages come in frames, false if the body is one message. */
  readonly framed: boolean;
  readonly kinds: 'all' | 'unary' | 'streams';
  /** The spelling that the libraries below expect. */
  readonly type: string;
}

/** The gRPC, gRPC-Web and Connect protocols, without gRPC-Web's base64 form. */
const contents: Readonly<Record<string, Content>> = {
  'application/grpc': grpc('grpc', 'proto'),
  'application/grpc+proto': grpc('grpc', 'proto'),
  'application/grpc+json': grpc('grpc', 'json'),
  'application/grpc-web': grpc('grpc-web', 'proto'),
  'application/grpc-web+proto': grpc('grpc-web', 'proto'),
  'application/grpc-web+json': grpc('grpc-web', 'json'),
  'application/proto': { ...connect('proto'), type: 'application/proto' },
  'application/json': { ...connect('json'), type: 'application/json' },
  'application/connect+proto': { ...connect('proto'), framed: true, kinds: 'streams' },
  'application/connect+json': { ...connect('json'), framed: true, kinds: 'streams' },
};

function grpc(protocol: 'grpc' | 'grpc-web', codec: Content['codec']): Content {
  return { protocol, codec, framed: true, kinds: 'all', type: `application/${protocol}+${codec}` };
}

function connect(codec: Content['codec']): Content {
  return { protocol: 'connect', codec, framed: false, kinds: 'unary', type: `application/connect+${codec}` };
}

/** The pattern allows spaces in one way only. With two ways, matching would take the square of their number. */
const contentType = /^ *([a-z0-9./+-]+)(?: *; *charset="?utf-?8"?)?(?: *;)? *$/i;

/** Undefined if this server does not read that type for this method. The only allowed parameter is `charset=utf-8`. */
export function contentOf(header: string | null, method: DescMethod): Content | undefined {
  const name = contentType.exec(header ?? '')?.[1]?.toLowerCase() ?? '';
  const content = Object.hasOwn(contents, name) ? contents[name] : undefined;
  if (content === undefined || content.kinds === 'all') return content;
  return (content.kinds === 'unary') === (method.methodKind === 'unary') ? content : undefined;
}

/** The content types of the method, for a refusal. */
export function acceptedTypes(method: DescMethod): string {
  return Object.keys(contents)
    .filter((type) => contentOf(type, method) !== undefined)
    .join(', ');
}
