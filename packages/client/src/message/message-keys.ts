import type { MessageKey } from '@countersign/proof';
import type { ParticipantDetail } from '../registry/participant-detail.ts';

const converted = new WeakMap<ParticipantDetail, readonly MessageKey[]>();

/** All keys of a participant, past and future ones too, in the form for `verifyMessage`. */
export function messageKeys(participant: ParticipantDetail): readonly MessageKey[] {
  let keys = converted.get(participant);
  if (keys === undefined) {
    keys = participant.keys.map(({ key, notBefore, notAfter, form }) => ({ jwk: key, notBefore, notAfter, form }));
    converted.set(participant, keys);
  }
  return keys;
}

/** Whether a participant is approved now. A registry without the status has only the flag. */
export function isApproved({ participantRoleStatus, approved }: ParticipantDetail): boolean {
  return participantRoleStatus === null ? approved : participantRoleStatus === 'APPROVED';
}
