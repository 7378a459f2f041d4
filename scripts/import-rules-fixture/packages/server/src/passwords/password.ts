export const password = 'password';
