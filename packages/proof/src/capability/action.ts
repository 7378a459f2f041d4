import { text } from '../argument.ts';

/** The start of the target of a wallet's capabilities; the wallet id follows. */
export const walletPrefix = 'urn:countersign:wallet:';
/** The start of the target of a realm's own capabilities; the name of the realm follows. */
export const realmPrefix = 'urn:countersign:realm:';

/** All actions on a target. `read` opens the description of a wallet and the list of its capabilities. */
export const actions = ['read', 'write', 'grant', 'invite'] as const;
/** An action on a target: `read`, `write`, `grant` or `invite`. */
export type Action = (typeof actions)[number];

/** The actions that open a procedure, by its full RPC path. One of them is enough. */
const opening: ReadonlyMap<string, readonly Action[]> = new Map<string, readonly Action[]>([
  ['/countersign.v1.WalletService/GetWallet', ['read']],
  ['/countersign.v1.WalletService/ListCapabilities', ['read']],
  ['/countersign.v1.WalletService/ResolveName', actions],
  ['/countersign.v1.WalletService/GrantAccess', ['grant']],
  ['/countersign.v1.WalletService/RevokeAccess', ['grant', 'read', 'write', 'invite']],
  ['/countersign.v1.RecoveryService/ListRecoveries', ['read']],
  ['/countersign.v1.RecoveryService/CancelRecovery', ['grant', 'read', 'write', 'invite']],
  ['/countersign.v1.RecoveryService/ApproveRecovery', ['grant']],
  ['/countersign.v1.RecoveryService/SetAddress', ['grant']],
  ['/countersign.v1.RecoveryService/ConfirmAddress', ['grant']],
  ['/countersign.v1.ProviderService/Invite', ['invite']],
  ['/countersign.v1.ProviderService/GetInvitation', ['invite']],
  ['/countersign.v1.ProviderService/CancelInvitation', ['invite']],
  ['/countersign.v1.ProviderService/ResendInvitation', ['invite']],
]);

/**
 * Lists the actions of which one opens a procedure, by its full RPC path. The result is undefined for a procedure that
 * no capability opens, or that is unknown: such a call must be refused.
 *
 * @throws {TypeError} if `procedure` is not a string
 * @example
 * actionsOpening('/countersign.v1.WalletService/GetWallet'); // → ['read']
 * actionsOpening('/countersign.v1.WalletService/Unknown'); // → undefined
 */
export function actionsOpening(procedure: string): readonly Action[] | undefined {
  return opening.get(text(procedure, 'procedure'));
}
