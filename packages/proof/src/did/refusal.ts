import { addTexts } from '../error-text.ts';

/** The reasons for refusing a key, a DID or a DID document. The texts are fixed and contain no part of the input. */

export const didTexts = {
  'multikey.too_large': 'The key is longer than any key that exists here.',
  'multikey.multibase': 'The key is not base58btc under the multibase prefix z.',
  'multikey.varint': 'The key does not start with a minimal varint.',
  'multikey.codec': 'The key is of a type that does not exist here.',
  'multikey.length': 'The key does not have the length of its type.',
  'multikey.point': 'The key is no sound point of its curve.',
  'multikey.jwk': 'The JWK is no acceptable public key.',
  'did.url': 'The text is not a DID URL with a fragment, and without path and query.',
  'did.unknown': 'The DID is not known here.',
  'did.document': 'The DID document does not have its shape.',
  'did.document_id': 'The DID document is one of another DID.',
  'did.method_repeated': 'The DID document names a verification method twice.',
  'did.method_unknown': 'The DID document has no such verification method.',
  'did.method_controller': 'The verification method is controlled by another DID.',
  'did.method_ended': 'The verification method was revoked or has expired.',
  'did.relationship': 'The DID document does not list the verification method for this purpose.',
  'did.key_role': 'A key of this type is not for this purpose.',
  'did_key.malformed': 'The text is not a did:key without path, query and fragment.',
  'did_key.too_large': 'The did:key is longer than any that exists here.',
  'did_key.fragment': 'The fragment is not the identifier of the did:key.',
  'did_peer.malformed': 'The text is not a did:peer of method 2 or 4.',
  'did_peer.too_large': 'The did:peer is too large.',
  'did_peer.encoding': 'A part of the did:peer is not encoded as it should be.',
  'did_peer.hash': 'The hash in the did:peer is not the one of its document.',
  'did_peer.unknown': 'The long form of the did:peer is not known here.',
  'did_web.malformed': 'The text is not a did:web.',
  'did_web.host': 'The did:web does not name a host in its canonical form.',
  'did_web.path': 'The path of the did:web is not canonical.',
} as const;

addTexts(didTexts);
