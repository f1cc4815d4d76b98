/** Where the image comes from: what is shipped or given, a file, the camera, a drawing. */

import { h, listen, setAttribute } from "../../../shared/ui/dom.ts";
import { takeDrops } from "../../../shared/ui/drop.ts";
import { icon, type IconName } from "../../../shared/ui/icons.ts";
import { react } from "../../../shared/lifetime.ts";
import type { NamedArray } from "../../../shared/kernel/protocol.ts";
import { camera, CameraError } from "./camera.ts";
import type { Context } from "../context.ts";
import { drawingPad } from "./drawing_pad.ts";
import type { InputSurface } from "../scene/pictures.ts";
import type { Planes } from "./planes.ts";
import { channelsFirst, LONGEST, readFile } from "./upload.ts";

export function imageSources(context: Context, input: InputSurface): HTMLElement {
  const { t, tips, stage, image, rpc, complain, warn, lifetime } = context;
  const send = async (name: string, array: NamedArray) => {
    try {
      await rpc.request("image.set", { name }, { arrays: { image: array } });
    } catch (error) {
      complain(error);
    }
  };
  const show = (planes: Planes | null) => (stage.local.value = planes);

  const film = camera(show, lifetime);
  const pad = drawingPad(
    input.frame,
    input.pixel,
    () => {
      const place = stage.place.peek();
      return place === null ? null : input.middle(place);
    },
    show,
    ({ channels, height, width, values }) =>
      void send("drawing", { shape: [channels, height, width], values }),
    lifetime,
  );
  const choose = () => {
    film.stop();
    pad.end();
  };

  const element = imageMenu(context, (name) => {
    choose();
    image.set(name);
  });

  const take = (file: Blob) => {
    readFile(file).then(
      (bytes) => {
        choose();
        return send("upload", channelsFirst(bytes));
      },
      () => warn(t("kernel_explorer.not_an_image", { longest: LONGEST })),
    );
  };
  const file = h("input", {
    type: "file",
    accept: "image/*",
    hidden: true,
    "aria-label": t("kernel_explorer.upload"),
  });
  listen(file, "change", lifetime, () => {
    const chosen = file.files?.[0];
    if (chosen !== undefined) take(chosen);
    file.value = "";
  });
  takeDrops(input.frame, lifetime, take);

  const startFilm = () => {
    pad.end();
    film.start().catch((error: unknown) => {
      film.stop();
      if (!(error instanceof CameraError)) throw error;
      warn(t(`kernel_explorer.${error.key}`));
    });
  };
  const tool = (name: IconName, key: string, act: () => void, on?: () => boolean) => {
    const label = t(`kernel_explorer.${key}`);
    const button = h(
      "button",
      { type: "button", class: "dl-icon-button", "aria-label": label, "data-tool": key },
      icon(name),
    );
    listen(button, "click", lifetime, act);
    tips.describe(button, label, t(`kernel_explorer.tip_${key}`));
    if (on !== undefined) react(lifetime, () => setAttribute(button, "aria-pressed", String(on())));
    return button;
  };
  const tools = h(
    "div",
    { class: "dl-image-tools" },
    tool("upload", "upload", () => file.click()),
    tool(
      "pencil",
      "draw",
      () => {
        if (pad.on.peek()) pad.end();
        else {
          film.stop();
          stage.zoom.value = 1;
          pad.begin();
          input.frame.focus({ preventScroll: true });
        }
      },
      () => pad.on.value,
    ),
    tool(
      "camera",
      "camera",
      () => (film.on.peek() ? film.stop() : startFilm()),
      () => film.on.value,
    ),
  );
  const action = h("button", { type: "button", class: "dl-button", hidden: true });
  react(lifetime, () => {
    setAttribute(action, "hidden", !pad.on.value && !film.on.value);
    action.textContent = pad.on.value
      ? t("kernel_explorer.clear")
      : t(film.frozen.value ? "kernel_explorer.unfreeze" : "kernel_explorer.freeze");
  });
  listen(action, "click", lifetime, () => (pad.on.peek() ? pad.clear() : film.freeze()));
  const said = h("p", { class: "dl-hint", role: "status" });
  react(lifetime, () => {
    said.textContent = t(
      `kernel_explorer.${pad.on.value ? "hint_draw" : film.on.value ? "hint_camera" : "hint"}`,
    );
  });
  return h(
    "div",
    { class: "dl-sources" },
    h("div", { class: "dl-source-row" }, element, tools, action, file),
    said,
  );
}

/** What there is to choose from grows with what is given, uploaded or drawn. */
function imageMenu(context: Context, choose: (name: string) => void): HTMLElement {
  const { t, tips, view, images, image, lifetime } = context;
  const id = `${view}-image`;
  const select = h("select", { id, "data-setting": "image" });
  react(lifetime, () => {
    const names = images.value;
    select.replaceChildren(
      ...names.map((name) => h("option", { value: name }, imageText(context, name))),
    );
    select.selectedIndex = names.indexOf(image.shown.value);
  });
  listen(select, "change", lifetime, () => choose(select.value));
  const label = t("kernel_explorer.image");
  tips.describe(select, label, t("kernel_explorer.tip_image"));
  return h("div", { class: "dl-field" }, h("label", { for: id }, label), select);
}

function imageText({ t }: Context, name: string): string {
  const digit = /^digit_(\d)$/.exec(name)?.[1];
  if (digit !== undefined) return t("kernel_explorer.image_digit", { digit });
  return t(`kernel_explorer.image_${name}`);
}
