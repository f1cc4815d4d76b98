/** The launcher's section "Deep learning": between Lab's own "Notebook" (0) and "Console" (20). */
export const LAUNCHER_SECTION_RANK = 10;
