/** Whose settings can be imported. Apart from what reads them, so that the command line knows it without loading that. */
export const FOREIGN_TOOLS = ['aziot-config', 'kubelet-config', 'docuum', 'docker-gc'] as const;
