import { addTexts } from '../error-text.ts';

/**
 * The reasons for refusing a DIDComm message, or for not making one. The texts are fixed and contain no part of the input.
 * Codes `didcomm.…` are faults of a received message, codes `packing.…` faults of a message to be packed, and codes `call.…`
 * faults of a call or an answer in a message, in both directions.
 */

export const didcommTexts = {
  'didcomm.envelope_member': 'The envelope has a member that is not one of a DIDComm envelope.',
  'didcomm.protected': 'The protected header is missing or is no string.',
  'didcomm.header_base64url': 'The protected header is not strict base64url.',
  'didcomm.header_zip': 'The protected header asks for decompression (zip).',
  'didcomm.header_crit': 'The protected header names critical extensions (crit).',
  'didcomm.header_member': 'The protected header has a member that is not one of a DIDComm envelope.',
  'didcomm.typ': 'The envelope does not say that it is an encrypted DIDComm message.',
  'didcomm.alg': 'The key agreement is not one of DIDComm.',
  'didcomm.mode': 'The kind of encryption (authcrypt, anoncrypt) is not accepted here.',
  'didcomm.enc': 'The content encryption does not exist here, or not with this key agreement.',
  'didcomm.enc_not_accepted': 'The content encryption is not accepted here.',
  'didcomm.epk_malformed': 'The ephemeral key is not a JWK of exactly its members.',
  'didcomm.epk_private': 'The ephemeral key shows its private part.',
  'didcomm.epk_usage': 'The ephemeral key is not for key agreement.',
  'didcomm.epk_curve': 'The ephemeral key is not on a curve that exists here.',
  'didcomm.epk_point': 'The ephemeral key is not on its curve, is of small order, or is not spelled canonically.',
  'didcomm.curve_not_accepted': 'The curve of the ephemeral key is not accepted here.',
  'didcomm.recipients': 'The recipients are not an array of 1 to the allowed number.',
  'didcomm.recipient': 'A recipient is not an object of encrypted_key and a header of kid alone.',
  'didcomm.recipient_kid': 'The kid of a recipient is not a DID URL with a fragment.',
  'didcomm.recipient_repeated': 'Two recipients have the same kid.',
  'didcomm.recipient_key': 'The encrypted key of a recipient is not strict base64url of its length.',
  'didcomm.iv': 'The initialization vector is not strict base64url of its length.',
  'didcomm.tag': 'The authentication tag is not strict base64url of its length.',
  'didcomm.ciphertext': 'The ciphertext is not strict base64url of a possible length.',
  'didcomm.apv': 'apv is not the digest of the kids of the recipients.',
  'didcomm.skid': 'skid is not a DID URL with a fragment.',
  'didcomm.apu': 'apu is not the base64url of skid.',
  'didcomm.sender_in_anoncrypt': 'An anonymous envelope names a sender.',
  'didcomm.not_a_recipient': 'No recipient has a key that we hold for this DID on the curve of the envelope.',
  'didcomm.sender_other': 'The key that skid names is not one of the expected sender.',
  'didcomm.sender_unknown': 'The key that skid names is not known.',
  'didcomm.sender_curve': 'The key that skid names is not on the curve of the envelope.',
  'didcomm.zero_secret': 'The key agreement gave nothing but zeros.',
  'didcomm.key_unwrap': 'The content key does not unwrap.',
  'didcomm.decrypt': 'The ciphertext does not decrypt.',
  'didcomm.nested': 'The message carries another envelope instead of a plaintext.',
  'didcomm.plaintext_typ': 'The plaintext does not say that it is a plaintext DIDComm message.',
  'didcomm.id': 'id is not a string of 1 to 256 characters.',
  'didcomm.type': 'type is not a URI of at most 256 characters.',
  'didcomm.type_unexpected': 'type is not the expected one.',
  'didcomm.thid': 'thid is not a string of 1 to 256 characters.',
  'didcomm.thid_unexpected': 'The message does not belong to the expected thread.',
  'didcomm.pthid': 'pthid is not a string of 1 to 256 characters.',
  'didcomm.to': 'to is not an array of DIDs.',
  'didcomm.to_other': 'to does not name this recipient.',
  'didcomm.from': 'from is not the DID of the key that proved the sender.',
  'didcomm.from_prior': 'The message asks to rotate the DID of its sender, which is not done here.',
  'didcomm.created_time': 'created_time is not a whole number of seconds.',
  'didcomm.expires_time': 'expires_time is not a whole number of seconds after created_time.',
  'didcomm.in_future': 'The message was created in the future.',
  'didcomm.stale': 'The message was created too long ago.',
  'didcomm.expired': 'The message has expired.',
  'didcomm.body': 'body is not an object.',
  'didcomm.signed_member': 'The signed message has a member that is not one of a DIDComm signed message.',
  'didcomm.signed_payload': 'The payload is not strict base64url.',
  'didcomm.signed_signatures': 'The signed message does not have exactly one signature.',
  'didcomm.signed_signature': 'The signature is not an object of protected, signature and a header of kid alone.',
  'didcomm.signed_typ': 'The signature does not say that it is one of a DIDComm message.',
  'didcomm.signed_alg': 'The algorithm of the signature is not one of DIDComm.',
  'didcomm.signed_kid': 'The kid of the signature is not a DID URL with a fragment.',
  'didcomm.signer_unknown': 'The key that kid names is not known.',
  'didcomm.signer_curve': 'The key that kid names is not one of the algorithm.',
  'didcomm.signature': 'The signature does not verify.',
} as const;

export const packingTexts = {
  'packing.recipients': 'The recipients are not 1 to 16 different keys named by DID URLs.',
  'packing.sender': 'The key of the sender is not named by a DID URL.',
  'packing.curve': 'The keys of sender and recipients are not all on one curve.',
  'packing.time': 'created_time and expires_time are not whole seconds, one after the other.',
  'packing.message': 'The message is not one that its recipient could read.',
  'packing.random': 'The source of randomness returned another number of bytes than it was asked for, or only zeros.',
  'packing.zero_secret': 'The key agreement gave nothing but zeros.',
  'packing.too_large': 'The packed message would be too large.',
} as const;

export const callTexts = {
  'call.body': 'The body has a member that is not one of a call or an answer.',
  'call.method': 'The method is not the full path of an RPC.',
  'call.nested': 'The call carries a call of the tunnel itself.',
  'call.authorization': 'The authorization is neither a token, with or without its proof, nor an invocation.',
  'call.message': 'The message is not strict base64url.',
  'call.status': 'The status is not one of gRPC, or does not fit what it comes with.',
  'call.error': 'The error is not a text of 1 to 1,024 characters.',
  'call.reason': 'The reason of the error is not one of at most 63 capitals, digits and underscores.',
  'call.prover': 'The sender of the call is not the DID that its proof proves.',
} as const;

/** The parts that are JSON: the text of a fault begins with the name of its part. */
export const didcommParts = {
  'didcomm.envelope_': 'The envelope',
  'didcomm.header_': 'The protected header',
  'didcomm.plaintext_': 'The plaintext',
  'didcomm.signed_': 'The signed message',
} as const;

addTexts(didcommTexts);
addTexts(packingTexts);
addTexts(callTexts);
addTexts(didcommParts);
