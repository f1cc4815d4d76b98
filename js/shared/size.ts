export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * What measures an element; while that has no layout, the size it had last.
 *
 * @param first what a host without layout is taken to have. JupyterLab takes all layout away for a
 * moment when it changes its theme, and upon that same theme one draws.
 */
export function lastSize(element: HTMLElement, first: Size): () => Size {
  let last = first;
  return () => {
    const { clientWidth: width, clientHeight: height } = element;
    if (width > 0 && height > 0) last = { width, height };
    return last;
  };
}
