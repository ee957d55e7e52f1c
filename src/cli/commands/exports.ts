/** What can be exported. Apart from the command, so that the command line knows it without loading what exports. */
export const EXPORTS = ['image_use', 'inventory', 'uses'] as const;

/** Whose settings can be imported. */
export const FOREIGN_TOOLS = ['aziot-config', 'kubelet-config', 'docuum', 'docker-gc'] as const;
