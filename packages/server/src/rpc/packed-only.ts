import { Problem } from '../kernel/problem.ts';
import type { RpcCall } from './call.ts';

/** The way to the packed message itself stays open: the key to pack for, and the tunnel. */
const alwaysOpen = new Set([
  '/countersign.v1.ProviderService/GetConfiguration',
  '/countersign.v1.SecureService/Request',
]);

/**
 * "Pack, if secure endpoint": the methods that a realm takes only packed. Checked before the caller proves itself, so that
 * an open call uses up no nonce.
 *
 * @throws {Problem} `packed.required`
 */
export async function requirePacked(call: RpcCall): Promise<void> {
  if (call.sealedBy !== undefined || alwaysOpen.has(call.procedure)) return;
  const { packedMethods } = (await call.realm()).settings;
  if (packedMethods.length === 0) return;
  const [, service, method] = call.procedure.split('/');
  if (packedMethods.some((one) => one === `${service}/${method}` || one === `${service}/*`)) {
    throw new Problem('packed.required');
  }
}
