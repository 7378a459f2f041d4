import { isJsonObject, type JsonObject, walletPrefix } from '@countersign/proof';
import { someText } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import type { By } from './by.ts';
import { textIn } from './device.ts';
import type { WalletProfile } from './profile.ts';
import type { RecoveryEntry } from './recovery-entry.ts';
import type { RpcPath } from './rpc.ts';
import { targetOf } from './target.ts';

/**
 * The part of a device in the recovery of its wallet.
 *
 * @throws {ClientError} by its methods: the code of the realm's refusal, `recovery.*`, `address.*`, `wallet.*`, `http.*`
 */
export interface Recoveries {
  /**
   * The recoveries of the wallet, the newest first. Asking does not stop a running one, unlike all other calls, but it is a
   * use: a running one needs the approval of this device then.
   */
  recoveries(): Promise<readonly RecoveryEntry[]>;
  /**
   * Lets the new device with this DID have the wallet. Call it before any other call: those stop the recovery. It does
   * not end the delay. Compare the DID with the one that the new device shows.
   */
  approveRecovery(did: string): Promise<RecoveryEntry>;
  /** Stops the running recovery. */
  cancelRecovery(): Promise<RecoveryEntry>;
  /** Names the mail address for a recovery. A code goes there. Returns its end. */
  setAddress(email: string): Promise<number>;
  /** Shows that code: from now on the address counts, and after 30 days it can recover the wallet. */
  confirmAddress(code: string): Promise<void>;
}

type Call = (path: RpcPath, request: JsonObject, by?: By) => Promise<JsonObject>;

export function recoveriesOf({ capability }: WalletProfile, call: Call): Recoveries {
  const walletId = capability === undefined ? '' : targetOf(capability).slice(walletPrefix.length);
  const ask = (method: string, request: JsonObject = {}) =>
    call(`/countersign.v1.RecoveryService/${method}`, { walletId, ...request }, 'invocation');
  return {
    async recoveries() {
      const { recoveries } = await ask('ListRecoveries');
      return Array.isArray(recoveries) ? recoveries.filter(isJsonObject).map(recoveryIn) : [];
    },
    async approveRecovery(did) {
      return recoveryIn(await ask('ApproveRecovery', { did: someText(did, 'did') }));
    },
    async cancelRecovery() {
      return recoveryIn(await ask('CancelRecovery'));
    },
    async setAddress(email) {
      return timeIn(await ask('SetAddress', { email: someText(email, 'email') }), 'expires');
    },
    async confirmAddress(code) {
      await ask('ConfirmAddress', { code: someText(code, 'code') });
    },
  };
}

const states = ['running', 'ready', 'completed', 'cancelled', 'failed'] as const;

/** @throws {ClientError} `rpc.malformed` */
export function recoveryIn(answer: JsonObject): RecoveryEntry {
  const name = textIn(answer, 'state').replace('RECOVERY_STATE_', '').toLowerCase();
  const state = states.find((one) => one === name);
  if (state === undefined) throw new ClientError('rpc.malformed', 'The state of a recovery is unknown.');
  return {
    id: textIn(answer, 'recoveryId'),
    state,
    did: textIn(answer, 'controller'),
    started: timeIn(answer, 'started'),
    changed: timeIn(answer, 'changed'),
    ...(answer.earliest === undefined ? {} : { earliest: timeIn(answer, 'earliest') }),
    needsApproval: answer.needsApproval === true,
  };
}

/** @throws {ClientError} `rpc.malformed` */
export function timeIn(answer: JsonObject, name: string): number {
  const time = Date.parse(textIn(answer, name));
  if (Number.isNaN(time)) throw new ClientError('rpc.malformed', `${name} of the answer is no time.`);
  return time;
}
