import { z } from 'zod';
import { entryId, lineOfText } from '../../kernel/text.ts';

/**
 * The documents that are given out exactly as they came in: OCEN's `LenderNetworkFilter` and `ServerWhitelistingItem`,
 * with the members of its published API. OCEN's operators include the literal `EQUALS,` with its comma.
 */
const id = entryId;
const line = lineOfText(2_048).nullish();
const logical = z.boolean().nullish();

/** A participant role: its id, or the object that OCEN shows. */
const role = z.union(
  [
    id,
    z.strictObject({
      id,
      participantRole: line,
      participantRoleStatus: line,
      isApproved: logical,
      approved: logical,
      approvedBy: line,
      approvedOn: line,
      baseUrl: line,
      /** A JWK as JSON. */
      publicKey: lineOfText(16_384).nullish(),
      createdOn: line,
      updatedOn: line,
    }),
  ],
  { error: 'must be the id of a participant' },
);

const creditProduct = z.strictObject({
  id: id.nullish(),
  name: line,
  productName: line,
  productDescription: line,
  description: line,
  productCreatedBy: role.nullish(),
  isPrivate: logical,
  isEndUseControlled: logical,
  isCollectionControlled: logical,
  isAAFlowRequired: logical,
  isMonitoringConsentRequired: logical,
  isDerivedDataPartnerRequired: logical,
  derivedDataDescription: line,
});

const productNetwork = z.union(
  [
    id,
    z.strictObject({
      id,
      productNetworkName: line,
      productNetworkDescription: line,
      participantRoles: z.array(role).max(10_000).nullish(),
      creditProduct: creditProduct.nullish(),
      networkCreatedBy: role.nullish(),
    }),
  ],
  { error: 'must be the id of a product network' },
);

export const lenderNetworkFilter = z.strictObject({
  id,
  requirementName: lineOfText().optional(),
  operator: lineOfText().optional(),
  value: z.unknown().optional(),
  productNetwork: productNetwork.nullish(),
  /** OCEN's name for the lender's participant role. */
  participantId: role.nullish(),
  participantRole: role.nullish(),
  createdOn: line,
  updatedOn: line,
});

export const serverWhitelistingItem = z.strictObject({
  id,
  ipAddress: lineOfText(64),
  portNumber: lineOfText(32),
  /** The participant role that calls from this address. */
  participantRole: role.nullish(),
  createdOn: line,
  updatedOn: line,
});

type Named = string | { readonly id: string } | null | undefined;

/** The id that a member holds, alone or in an object. */
export function idOf(named: Named): string | null {
  return (typeof named === 'object' ? named?.id : named) ?? null;
}
