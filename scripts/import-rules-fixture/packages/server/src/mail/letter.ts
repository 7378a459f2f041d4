export const letter = 'a letter';
