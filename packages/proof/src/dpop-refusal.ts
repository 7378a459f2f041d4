import { addTexts } from './error-text.ts';

export const dpopTexts = {
  'dpop.too_large': 'The DPoP proof is too large.',
  'dpop.malformed': 'The DPoP proof is not a string of three parts of strict base64url and JSON.',
  'dpop.typ': 'The proof is not of type dpop+jwt.',
  'dpop.alg': 'The algorithm of the DPoP proof is not a supported asymmetric one, or not that of its key.',
  'dpop.header': 'The header of the DPoP proof asks for processing that it may not.',
  'dpop.jwk': 'The header of the DPoP proof does not carry a sound public key.',
  'dpop.signature': 'The signature of the DPoP proof does not verify.',
  'dpop.htm': 'The DPoP proof is for another method.',
  'dpop.htu': 'The DPoP proof is for another URI.',
  'dpop.jti': 'The DPoP proof has no identifier of 1 to 256 characters.',
  'dpop.iat': 'The DPoP proof was not made just now.',
  'dpop.exp': 'The DPoP proof has expired.',
  'dpop.nbf': 'The DPoP proof is not valid yet.',
  'dpop.ath': 'The DPoP proof is for another token.',
} as const;

addTexts(dpopTexts);
