/** Elements from code. Text is always set as text, never parsed as HTML. */

type Attribute = string | number | boolean | null | undefined;
export type Attributes = Readonly<Record<string, Attribute>>;
export type Child = Node | string | null;

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; `true` writes an empty attribute, `false`, `null` and `undefined` none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/** The same for SVG. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  fill(element, attributes, children);
  return element;
}

function fill(element: Element, attributes: Attributes, children: readonly Child[]): void {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  for (const child of children) if (child !== null) element.append(child);
}

/** Set or remove an attribute, only where it differs: a write dirties styles, a comparison not. */
export function setAttribute(element: Element, name: string, value: Attribute): void {
  if (value === false || value === null || value === undefined) {
    element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Set text only where it differs; the text that is there already is changed, not replaced. */
export function setText(element: Element, text: string): void {
  if (element.textContent === text) return;
  const { firstChild, lastChild } = element;
  if (firstChild instanceof Text && firstChild === lastChild) firstChild.data = text;
  else element.textContent = text;
}

/** Listen until the lifetime ends. */
export function listen<K extends keyof HTMLElementEventMap>(
  target: EventTarget,
  type: K,
  lifetime: AbortSignal,
  handle: (event: HTMLElementEventMap[K]) => void,
  options: AddEventListenerOptions = {},
): void {
  target.addEventListener(type, handle as EventListener, { ...options, signal: lifetime });
}
