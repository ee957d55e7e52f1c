/** What can be exported. Apart from the command, so that the command line knows it without loading what exports. */
export const EXPORTS = ['image_use', 'inventory', 'uses'] as const;
