import type { DescMethod } from '@bufbuild/protobuf';
import type { RpcHandler, RpcService } from './service.ts';

/** A method that has a handler. */
export interface Procedure {
  /** `/countersign.v1.AuthService/AcquireToken`. */
  readonly path: string;
  readonly method: DescMethod;
  readonly handle: RpcHandler;
  readonly realm: RpcService['realm'];
}

export function proceduresOf(services: readonly RpcService[]): readonly Procedure[] {
  return services.flatMap(({ service, handlers, realm }) =>
    service.methods.flatMap((method) => {
      const handle = handlers[method.localName];
      return handle === undefined ? [] : [{ path: `/${service.typeName}/${method.name}`, method, handle, realm }];
    }),
  );
}
