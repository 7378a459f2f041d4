import { z } from 'zod';
import { isLine, lineOfText } from '../kernel/text.ts';

/** The fields that others show and follow. They must not hold anything that a browser would run. */

const scheme = /^[a-z][a-z0-9+.-]*:/i;
const image = /^data:image\/(?:png|jpeg|gif|webp);base64,/i;
/** Lines may be broken. Other white space, such as a byte order mark, is invisible and refused. */
const base64 = /^[A-Za-z0-9+/_=\r\n\t -]*$/;

function isWebAddress(text: string): boolean {
  return isLine(text) && /^https?:\/\/[^/?#\\@]/i.test(text) && !/\s/.test(text) && URL.canParse(text);
}

export const website = lineOfText(2_048).refine(isWebAddress, 'must be an http or https URL');

/** A URL, or the picture itself in base64. */
export function logo(max: number) {
  return z
    .string()
    .max(max)
    .refine(
      (text) => (scheme.test(text) && !image.test(text) ? isWebAddress(text) : base64.test(text.replace(image, ''))),
      'must be an http or https URL, or base64',
    );
}

export const logoContentType = lineOfText().regex(/^image\/[a-z0-9.+-]+$/i, 'must be the media type of an image');
