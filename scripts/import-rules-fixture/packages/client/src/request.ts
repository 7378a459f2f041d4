export const request = 'POST';
