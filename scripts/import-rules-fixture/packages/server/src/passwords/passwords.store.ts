export const select = 'select';
