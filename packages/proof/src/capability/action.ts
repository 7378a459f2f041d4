import { text } from '../argument.ts';

/** What capabilities of a realm are about: a wallet, or the realm itself. */
export const walletPrefix = 'urn:countersign:wallet:';
export const realmPrefix = 'urn:countersign:realm:';

/** All that a capability allows on a target. `read` opens all that says what a wallet is and who may use it. */
export const actions = ['read', 'write', 'grant', 'invite'] as const;
export type Action = (typeof actions)[number];

/** The actions that open a procedure, by its full RPC path; any one of them does. */
const opening: ReadonlyMap<string, readonly Action[]> = new Map<string, readonly Action[]>([
  ['/countersign.v1.WalletService/GetWallet', ['read']],
  ['/countersign.v1.WalletService/ListCapabilities', ['read']],
  ['/countersign.v1.WalletService/GrantAccess', ['grant']],
  ['/countersign.v1.WalletService/RevokeAccess', ['grant', 'read', 'write', 'invite']],
  ['/countersign.v1.ProviderService/Invite', ['invite']],
  ['/countersign.v1.ProviderService/GetInvitation', ['invite']],
  ['/countersign.v1.ProviderService/CancelInvitation', ['invite']],
]);

/** Undefined for a procedure that no capability opens, or that is not known here. */
export function actionsOpening(procedure: string): readonly Action[] | undefined {
  return opening.get(text(procedure, 'procedure'));
}
