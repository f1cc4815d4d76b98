/**
 * Formulas from TeX, of which it reads what these widgets write, as MathML with numbers put in.
 *
 *     mathml(String.raw`f(x) = \frac{1}{1 + e^{-x}}`);
 *     mathml(String.raw`w \leftarrow w - \val{rate} \cdot g`, { rate: "0.1" });
 *
 * Browsers lay MathML out themselves, and screen readers read it.
 */

export type FormulaValues = Readonly<Record<string, string>>;

const MATHML = "http://www.w3.org/1998/Math/MathML";

const LETTERS: Readonly<Record<string, string>> = {
  alpha: "α",
  beta: "β",
  gamma: "γ",
  delta: "δ",
  epsilon: "ε",
  eta: "η",
  theta: "θ",
  lambda: "λ",
  mu: "μ",
  nu: "ν",
  pi: "π",
  rho: "ρ",
  sigma: "σ",
  tau: "τ",
  phi: "φ",
  Phi: "Φ",
  Sigma: "Σ",
  Delta: "Δ",
  infty: "∞",
  partial: "∂",
  nabla: "∇",
  ell: "ℓ",
};
const SIGNS: Readonly<Record<string, string>> = {
  cdot: "·",
  times: "×",
  odot: "⊙",
  le: "≤",
  ge: "≥",
  ne: "≠",
  approx: "≈",
  sim: "~",
  in: "∈",
  to: "→",
  leftarrow: "←",
  pm: "±",
  sum: "∑",
  prod: "∏",
  dots: "…",
  lVert: "‖",
  rVert: "‖",
  mid: "|",
};
const FUNCTIONS = new Set("exp log ln max min sin cos tanh sign clip softmax".split(" "));
const ACCENTS: Readonly<Record<string, string>> = { hat: "^", bar: "¯", tilde: "~" };
/** Room in `em`. */
const SPACES: Readonly<Record<string, string>> = {
  ",": "0.17",
  ";": "0.28",
  quad: "1",
  qquad: "2",
};
const FENCES = new Set(["(", ")", "[", "]", "|", "{", "}"]);

/** @param values what stands where the source has `\val{name}`. */
export function mathml(source: string, values: FormulaValues = {}): MathMLElement {
  return element("math", {}, row(new Reader(source, values).parts([])));
}

class Reader {
  #at = 0;
  /** What ended the parts that were read last. */
  #ended = "";

  constructor(
    readonly source: string,
    readonly values: FormulaValues,
  ) {}

  /** What stands before one of these tokens, which is taken too; without any, all the rest. */
  parts(ends: readonly string[]): Element[] {
    const found: Element[] = [];
    for (let token = this.#token(); token !== null; token = this.#token()) {
      if (ends.includes(token)) {
        this.#ended = token;
        return found;
      }
      if (token === "^" || token === "_" || token === "'") this.#script(found, token);
      else found.push(this.#part(token));
    }
    if (ends.length > 0) throw new Error(`${ends.join(" or ")} is missing in ${this.source}`);
    return found;
  }

  #token(): string | null {
    const [token] = /^\s*(\\[a-zA-Z]+|\\.|\d+(\.\d+)?|\S)/u.exec(this.source.slice(this.#at)) ?? [];
    if (token === undefined) return null;
    this.#at += token.length;
    return token.trim();
  }

  #part(token: string): Element {
    if (token === "{") return row(this.parts(["}"]));
    if (token.startsWith("\\")) return this.#command(token.slice(1));
    if (/^\d/.test(token)) return element("mn", {}, token);
    if (/^\p{L}$/u.test(token)) return element("mi", {}, token);
    return sign(token === "-" ? "−" : token);
  }

  #command(name: string): Element {
    const letter = LETTERS[name];
    if (letter !== undefined) return element("mi", {}, letter);
    if (SIGNS[name] !== undefined) return sign(SIGNS[name]);
    if (FUNCTIONS.has(name)) return element("mi", {}, name);
    if (SPACES[name] !== undefined) return element("mspace", { width: `${SPACES[name]}em` });
    if (FENCES.has(name)) return sign(name);
    if (ACCENTS[name] !== undefined) {
      return element("mover", { accent: "true" }, this.#argument(), sign(ACCENTS[name]));
    }
    switch (name) {
      case "frac":
        return element("mfrac", {}, this.#argument(), this.#argument());
      case "sqrt":
        return element("msqrt", {}, this.#argument());
      case "text":
        return element("mtext", {}, this.#raw());
      case "operatorname":
        return element("mi", {}, this.#raw());
      case "val": {
        const key = this.#raw();
        const value = this.values[key];
        if (value === undefined) throw new Error(`There is no value for ${key} in ${this.source}`);
        return element("mn", { class: "dl-value", "data-value": key }, value.replace("-", "−"));
      }
      case "left":
        return this.#between();
      case "begin":
        return this.#cases();
      default:
        throw new Error(`\\${name} is not known, in ${this.source}`);
    }
  }

  #argument(): Element {
    const token = this.#token();
    if (token === null) throw new Error(`Something is missing at the end of ${this.source}`);
    return this.#part(token);
  }

  /** The text between braces as it is. */
  #raw(): string {
    const [all, text] = /^\s*\{([^{}]*)\}/.exec(this.source.slice(this.#at)) ?? [];
    if (all === undefined) throw new Error(`A brace is missing in ${this.source}`);
    this.#at += all.length;
    return text!;
  }

  /** `\left( … \right)`: fences as high as what they hold. */
  #between(): Element {
    const open = this.#token() ?? "";
    const inner = this.parts(["\\right"]);
    const close = this.#token() ?? "";
    const high = inner.some((part) => part.matches("mfrac") || part.querySelector("mfrac"));
    const fence = (text: string) => sign(text.replace("\\", ""), high ? "210%" : null);
    return row([fence(open), ...inner, fence(close)]);
  }

  /** `\begin{cases} value & where \\ … \end{cases}` */
  #cases(): Element {
    this.#raw();
    const rows: Element[] = [];
    let cells: Element[] = [];
    do {
      cells.push(
        element("mtd", { style: "text-align: left" }, row(this.parts(["&", "\\\\", "\\end"]))),
      );
      if (this.#ended !== "&") {
        rows.push(element("mtr", {}, ...cells));
        cells = [];
      }
    } while (this.#ended !== "\\end");
    this.#raw();
    // Without a font for mathematics nothing is stretched.
    return row([sign("{", `${rows.length * 115}%`), element("mtable", {}, ...rows)]);
  }

  #script(found: Element[], token: string): void {
    const base = found.pop() ?? row([]);
    const prime = () => element("mo", { lspace: "0", rspace: "0" }, "′");
    const script = token === "'" ? prime() : this.#argument();
    const above = token !== "_";
    const [other] = base.matches("msub, msup") ? [base.localName] : [];
    if (other === (above ? "msub" : "msup")) {
      const [under, first] = [base.children[0]!, base.children[1]!];
      const scripts = above ? [first, script] : [script, first];
      found.push(element("msubsup", {}, under, ...scripts));
    } else found.push(element(above ? "msup" : "msub", {}, base, script));
  }
}

function sign(text: string, size: string | null = null): Element {
  const fixed: Record<string, string> = FENCES.has(text) ? { stretchy: "false" } : {};
  return element("mo", size === null ? fixed : { ...fixed, mathsize: size }, text);
}

function row(parts: readonly Element[]): Element {
  return parts.length === 1 ? parts[0]! : element("mrow", {}, ...parts);
}

function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly (Element | string)[]
): MathMLElement {
  const made = document.createElementNS(MATHML, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
