export const open = 'sqlite:';
