import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { ServerReflection as V1 } from './gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as V1alpha } from './gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { anybody, type RpcService, rpcService, stream } from './service.ts';

/** gRPC server reflection of the mounted services, in both versions that clients ask for. They differ in name only. */
export function reflectionServices(services: readonly RpcService[]): readonly RpcService[] {
  const known = describe([...services.map(({ service }) => service), V1, V1alpha]);
  return [
    rpcService(V1, { serverReflectionInfo: stream(anybody, ({ message }) => answers(known, message)) }, 'none'),
    rpcService(V1alpha, { serverReflectionInfo: stream(anybody, ({ message }) => answers(known, message)) }, 'none'),
  ];
}

interface Known {
  readonly services: readonly string[];
  readonly files: ReadonlyMap<string, DescFile>;
  /** Full name of a service, method, message, field, enum or value → its file. */
  readonly symbols: ReadonlyMap<string, DescFile>;
}

/** A request of either version. */
interface Request {
  readonly host: string;
  readonly messageRequest: { readonly case?: string | undefined; readonly value?: unknown };
}

async function* answers<R extends Request>(known: Known, requests: AsyncIterable<R>) {
  for await (const request of requests) {
    const { host, messageRequest } = request;
    yield {
      validHost: host,
      originalRequest: request as R,
      messageResponse: answer(known, messageRequest.case, String(messageRequest.value)),
    };
  }
}

function answer({ services, files, symbols }: Known, what: string | undefined, value: string) {
  switch (what) {
    case 'listServices':
      return {
        case: 'listServicesResponse' as const,
        value: { service: services.map((name) => ({ name })) },
      };
    case 'fileByFilename':
      return fileAnswer(files.get(value), value);
    case 'fileContainingSymbol':
      return fileAnswer(symbols.get(value.replace(/^\./, '')), value);
    case 'allExtensionNumbersOfType':
      return symbols.has(value)
        ? { case: 'allExtensionNumbersResponse' as const, value: { baseTypeName: value, extensionNumber: [] } }
        : failure(Code.NotFound, `${value} is not known here.`);
    case 'fileContainingExtension':
      return failure(Code.NotFound, 'There are no extensions here.');
    default:
      return failure(Code.InvalidArgument, 'Ask for something.');
  }
}

function fileAnswer(file: DescFile | undefined, name: string) {
  if (file === undefined) return failure(Code.NotFound, `${name} is not known here.`);
  const fileDescriptorProto = [...withImports(file)].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse' as const, value: { fileDescriptorProto } };
}

function failure(errorCode: Code, errorMessage: string) {
  return { case: 'errorResponse' as const, value: { errorCode, errorMessage: errorMessage.slice(0, 200) } };
}

function withImports(file: DescFile, found = new Set<DescFile>()): ReadonlySet<DescFile> {
  if (!found.has(file)) {
    found.add(file);
    for (const imported of file.dependencies) withImports(imported, found);
  }
  return found;
}

function describe(services: readonly DescService[]): Known {
  const all = new Set(services.flatMap(({ file }) => [...withImports(file)]));
  return {
    services: services.map(({ typeName }) => typeName).sort(),
    files: new Map([...all].map((file) => [file.proto.name, file])),
    symbols: new Map([...all].flatMap((file) => symbolsOf(file).map((name) => [name, file] as const))),
  };
}

function symbolsOf(file: DescFile): readonly string[] {
  const messages = [...file.messages];
  // The list grows while it is walked: messages can be nested.
  for (const message of messages) messages.push(...message.nestedMessages);
  const enums = [...file.enums, ...messages.flatMap(({ nestedEnums }) => nestedEnums)];
  return [
    ...file.services.flatMap(({ typeName, methods }) => [
      typeName,
      ...methods.map(({ name }) => `${typeName}.${name}`),
    ]),
    ...messages.flatMap(({ typeName, fields }) => [typeName, ...fields.map(({ name }) => `${typeName}.${name}`)]),
    ...enums.map(({ typeName }) => typeName),
  ];
}
