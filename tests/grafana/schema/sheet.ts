import type { Dashboard } from '@grafana/schema';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A dashboard, and what the plugins of its panels know beside: their options and field options. */
export interface Sheet {
  dashboard: Dashboard;
  heatmap: { options: Partial<Heatmap.Options>; custom?: Partial<Heatmap.FieldConfig> };
  stat: { options: Partial<Stat.Options>; custom?: {} };
  table: { options: Partial<Table.Options>; custom?: Partial<Table.FieldConfig> };
  timeseries: { options: Partial<TimeSeries.Options>; custom?: Partial<TimeSeries.FieldConfig> };
}
