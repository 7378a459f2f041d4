import { text } from '../argument.ts';

/** The prefixes of the targets of a realm's capabilities: a wallet, or the realm itself. */
export const walletPrefix = 'urn:countersign:wallet:';
export const realmPrefix = 'urn:countersign:realm:';

/** All actions on a target. `read` opens the description of a wallet and the list of its capabilities. */
export const actions = ['read', 'write', 'grant', 'invite'] as const;
export type Action = (typeof actions)[number];

/** The actions that open a procedure, by its full RPC path. One of them is enough. */
const opening: ReadonlyMap<string, readonly Action[]> = new Map<string, readonly Action[]>([
  ['/countersign.v1.WalletService/GetWallet', ['read']],
  ['/countersign.v1.WalletService/ListCapabilities', ['read']],
  ['/countersign.v1.WalletService/GrantAccess', ['grant']],
  ['/countersign.v1.WalletService/RevokeAccess', ['grant', 'read', 'write', 'invite']],
  ['/countersign.v1.ProviderService/Invite', ['invite']],
  ['/countersign.v1.ProviderService/GetInvitation', ['invite']],
  ['/countersign.v1.ProviderService/CancelInvitation', ['invite']],
]);

/** Undefined for a procedure that no capability opens, or that is unknown. */
export function actionsOpening(procedure: string): readonly Action[] | undefined {
  return opening.get(text(procedure, 'procedure'));
}
