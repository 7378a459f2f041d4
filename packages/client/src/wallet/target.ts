import type { JsonObject } from '@countersign/proof';

/** What capabilities of a realm are for. */
export const walletPrefix = 'urn:countersign:wallet:';
export const realmPrefix = 'urn:countersign:realm:';

export type Action = 'read' | 'write' | 'grant' | 'invite';

export function targetOf({ invocationTarget }: JsonObject): string {
  return typeof invocationTarget === 'string' ? invocationTarget : '';
}

/** What a capability allows; the realm gives none without naming it. */
export function actionsOf({ allowedAction }: JsonObject): readonly string[] {
  return [allowedAction].flat().filter((action): action is string => typeof action === 'string');
}

const needed: Readonly<Record<string, Action>> = {
  '/countersign.v1.WalletService/GetWallet': 'read',
  '/countersign.v1.WalletService/ListCapabilities': 'read',
  '/countersign.v1.WalletService/GrantAccess': 'grant',
  '/countersign.v1.ProviderService/Invite': 'invite',
  '/countersign.v1.ProviderService/GetInvitation': 'invite',
  '/countersign.v1.ProviderService/CancelInvitation': 'invite',
};

/** What a call is invoked as: what it needs; where nobody knows, the most that the capability allows. */
export function actionFor(path: string, capability: JsonObject): string {
  const allowed = actionsOf(capability);
  return needed[path] ?? (allowed.includes('grant') ? 'grant' : (allowed[0] ?? 'read'));
}
