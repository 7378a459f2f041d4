import type { JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { RecoveryService, RecoveryState } from '@countersign/client/rpc';
import { type RpcService, rpcService, unary } from '../../rpc/service.ts';
import { anybodyInRealm, device, deviceInPerson } from '../callers.rpc.ts';
import { walletOfTarget } from '../target.ts';
import { confirmAddress, setAddress } from './address.ts';
import { beginRecovery } from './begin.ts';
import { completeRecovery } from './complete.ts';
import { approveRecovery, cancelRecovery, type RecoveryView, recoveriesOf } from './recovery.ts';
import { startRecovery } from './start.ts';

export const recoveryService: RpcService = rpcService(RecoveryService, {
  startRecovery: unary(anybodyInRealm, async ({ call, message: { signedRequest }, who: realm }) => {
    const request = { signedRequest, sealedBy: call.sealedBy };
    const earliest = await startRecovery(call.context, realm, request, call.caller('anonymous'));
    return { earliest: timestampFromMs(earliest) };
  }),
  beginRecovery: unary(anybodyInRealm, async ({ call, message: { signedRequest }, who: realm }) => {
    const request = { signedRequest, sealedBy: call.sealedBy };
    return toRecovery(await beginRecovery(call.context, realm, request, call.caller('anonymous')));
  }),
  completeRecovery: unary(anybodyInRealm, async ({ call, message: { signedRequest }, who: realm }) => {
    const request = { signedRequest, sealedBy: call.sealedBy };
    const { zcap, didDocument, ...rest } = await completeRecovery(
      call.context,
      realm,
      request,
      call.caller('anonymous'),
    );
    return {
      ...rest,
      didDocument: didDocument as JsonObject,
      zcap: new TextEncoder().encode(JSON.stringify(zcap)),
    };
  }),
  listRecoveries: unary(device, async ({ call, who: { realm, access } }) => ({
    recoveries: (await recoveriesOf(call.context, realm, walletOfTarget(access.target) as string)).map(toRecovery),
  })),
  approveRecovery: unary(deviceInPerson, async ({ call, message: { did }, who: { realm, access } }) =>
    toRecovery(await approveRecovery(call.context, realm, access, did, call.caller(access.device))),
  ),
  cancelRecovery: unary(device, async ({ call, who: { realm, access } }) => {
    const walletId = walletOfTarget(access.target) as string;
    return toRecovery(await cancelRecovery(call.context, realm, walletId, 'device', call.caller(access.device)));
  }),
  setAddress: unary(deviceInPerson, async ({ call, message: { email }, who: { realm, access } }) => ({
    expires: timestampFromMs(await setAddress(call.context, realm, access, email, call.caller(access.device))),
  })),
  confirmAddress: unary(deviceInPerson, async ({ call, message: { code }, who: { realm, access } }) => {
    await confirmAddress(call.context, realm, access, code, call.caller(access.device));
    return {};
  }),
});

const states: Readonly<Record<RecoveryView['state'], RecoveryState>> = {
  running: RecoveryState.RUNNING,
  ready: RecoveryState.READY,
  completed: RecoveryState.COMPLETED,
  cancelled: RecoveryState.CANCELLED,
  failed: RecoveryState.FAILED,
};

export function toRecovery({ id, state, started, changed, earliest, ...rest }: RecoveryView) {
  return {
    recoveryId: id,
    state: states[state],
    started: timestampFromMs(started),
    changed: timestampFromMs(changed),
    ...(earliest === undefined ? {} : { earliest: timestampFromMs(earliest) }),
    ...rest,
  };
}
