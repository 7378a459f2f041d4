import type { DescMethod } from '@bufbuild/protobuf';

/** What a content type says of a call. */
export interface Content {
  readonly protocol: 'grpc' | 'grpc-web' | 'connect';
  readonly codec: 'proto' | 'json';
  /** Whether messages stand in frames, or the body is the one message. */
  readonly framed: boolean;
  readonly kinds: 'all' | 'unary' | 'streams';
  /** How the libraries below spell it. */
  readonly type: string;
}

/** The gRPC, gRPC-Web and Connect protocols; gRPC-Web's base64 form is not among them. */
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

/** No spaces stand where the pattern could share them out in two ways: that would take the square of their number. */
const contentType = /^ *([a-z0-9./+-]+)(?: *; *charset="?utf-?8"?)?(?: *;)? *$/i;

/** Nothing where this server does not read that type for this method. Of parameters only `charset=utf-8` is fine. */
export function contentOf(header: string | null, method: DescMethod): Content | undefined {
  const name = contentType.exec(header ?? '')?.[1]?.toLowerCase() ?? '';
  const content = Object.hasOwn(contents, name) ? contents[name] : undefined;
  if (content === undefined || content.kinds === 'all') return content;
  return (content.kinds === 'unary') === (method.methodKind === 'unary') ? content : undefined;
}

/** What to send, for a refusal. */
export function acceptedTypes(method: DescMethod): string {
  return Object.keys(contents)
    .filter((type) => contentOf(type, method) !== undefined)
    .join(', ');
}
