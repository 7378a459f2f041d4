/** DIDComm's media types. RFC 7515 §4.1.9: `application/` may be left out; nothing else of the spelling may differ. */
export const mediaTypes = {
  encrypted: 'application/didcomm-encrypted+json',
  signed: 'application/didcomm-signed+json',
  plain: 'application/didcomm-plain+json',
} as const;

export function isMediaType(value: unknown, kind: keyof typeof mediaTypes): boolean {
  const name = mediaTypes[kind];
  return value === name || value === name.slice('application/'.length);
}
