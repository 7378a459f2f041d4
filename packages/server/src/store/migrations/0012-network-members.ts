/** Which networks a participant is a member of, without reading all memberships of the realm. */
export const name = '0012-network-members';

export const statements: readonly string[] = [
  `create index product_network_participant_by_participant on product_network_participant (realm, participant_id)`,
];
