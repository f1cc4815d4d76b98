/** The user's settings of the panels, live. */

import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import type { Translate } from "../../shared/i18n";
import type { Wishes } from "./servers/frontend";
import type { Mode } from "./panel/placement";

export const PLUGIN = "dl-lab:tensorboard";

export interface Settings extends Wishes {
  readonly mode: Mode;
}

export const DEFAULTS: Settings = { autoReload: true, followTheme: true, mode: "split-right" };

/** Call `changed` with the settings now and whenever they change. */
export async function followSettings(
  registry: ISettingRegistry,
  t: Translate,
  changed: (settings: Settings) => void,
): Promise<void> {
  // The schema is in English; Lab shows it after this has been over it.
  registry.transform(PLUGIN, {
    fetch: (plugin) => ({ ...plugin, schema: translated(plugin.schema, t) }),
  });
  const settings = await registry.load(PLUGIN);
  const tell = () =>
    changed({
      autoReload: settings.get("autoReload").composite !== false,
      followTheme: settings.get("followTheme").composite !== false,
      mode: settings.get("placement").composite === "tab" ? "tab-after" : "split-right",
    });
  settings.changed.connect(tell);
  tell();
}

function translated(schema: ISettingRegistry.ISchema, t: Translate): ISettingRegistry.ISchema {
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    name,
    {
      ...property,
      title: t(`tensorboard.setting_${name}`),
      description: t(`tensorboard.setting_${name}_more`),
      ...(property.oneOf && { oneOf: choices(name, property.oneOf, t) }),
    },
  ]);
  return {
    ...schema,
    description: t("tensorboard.caption"),
    properties: Object.fromEntries(properties) as ISettingRegistry.ISchema["properties"],
  };
}

function choices(name: string, oneOf: unknown, t: Translate) {
  return (oneOf as { const: string }[]).map((choice) => ({
    ...choice,
    title: t(`tensorboard.setting_${name}_${choice.const}`),
  }));
}
