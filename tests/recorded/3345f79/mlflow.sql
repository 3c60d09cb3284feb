BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('6f8d9c3b2a1e');
CREATE TABLE assessments (
	assessment_id VARCHAR(50) NOT NULL, 
	trace_id VARCHAR(50) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	assessment_type VARCHAR(20) NOT NULL, 
	value TEXT NOT NULL, 
	error TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	source_type VARCHAR(50) NOT NULL, 
	source_id VARCHAR(250), 
	run_id VARCHAR(32), 
	span_id VARCHAR(50), 
	rationale TEXT, 
	overrides VARCHAR(50), 
	valid BOOLEAN NOT NULL, 
	assessment_metadata TEXT, 
	CONSTRAINT assessments_pk PRIMARY KEY (assessment_id), 
	CONSTRAINT fk_assessments_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE budget_policies (
	budget_policy_id VARCHAR(36) NOT NULL, 
	budget_unit VARCHAR(32) NOT NULL, 
	budget_amount FLOAT NOT NULL, 
	duration_unit VARCHAR(32) NOT NULL, 
	duration_value INTEGER NOT NULL, 
	target_scope VARCHAR(32) NOT NULL, 
	budget_action VARCHAR(32) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, target_value VARCHAR(255), 
	CONSTRAINT budget_policies_pk PRIMARY KEY (budget_policy_id)
);
CREATE TABLE "datasets" (
	dataset_uuid VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	dataset_source_type VARCHAR(36) NOT NULL, 
	dataset_source TEXT NOT NULL, 
	dataset_schema TEXT, 
	dataset_profile TEXT, 
	CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest), 
	CONSTRAINT fk_datasets_experiment_id_experiments FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "datasets" VALUES('0b52e9964d4f4862923719822ff7c344',1,'daily-bike-share','6352e71d36c6c5860c7e120fec48216df0f5','local','{"uri": "pkg://bikeml.datasets/daily-bike-share.csv"}','{"mlflow_colspec": [{"name": "season", "type": "int64"}, {"name": "mnth", "type": "int64"}, {"name": "holiday", "type": "int64"}, {"name": "weekday", "type": "int64"}, {"name": "workingday", "type": "int64"}, {"name": "weathersit", "type": "int64"}, {"name": "temp", "type": "float64"}, {"name": "atemp", "type": "float64"}, {"name": "hum", "type": "float64"}, {"name": "windspeed", "type": "float64"}, {"name": "rentals", "type": "int64"}]}','{"num_rows": 731, "sha256": "6352e71d36c6c5860c7e120fec48216df0f50d12bfd37e546d44ad0b9ff00730"}');
CREATE TABLE endpoint_bindings (
	endpoint_id VARCHAR(36) NOT NULL, 
	resource_type VARCHAR(50) NOT NULL, 
	resource_id VARCHAR(255) NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), display_name VARCHAR(255), 
	CONSTRAINT endpoint_bindings_pk PRIMARY KEY (endpoint_id, resource_type, resource_id), 
	CONSTRAINT fk_endpoint_bindings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE endpoint_model_mappings (
	mapping_id VARCHAR(36) NOT NULL, 
	endpoint_id VARCHAR(36) NOT NULL, 
	model_definition_id VARCHAR(36) NOT NULL, 
	weight FLOAT NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, linkage_type VARCHAR(64) DEFAULT 'PRIMARY' NOT NULL, fallback_order INTEGER, 
	CONSTRAINT endpoint_model_mappings_pk PRIMARY KEY (mapping_id), 
	CONSTRAINT fk_endpoint_model_mappings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_endpoint_model_mappings_model_definition_id FOREIGN KEY(model_definition_id) REFERENCES model_definitions (model_definition_id)
);
CREATE TABLE endpoint_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	endpoint_id VARCHAR(36) NOT NULL, 
	CONSTRAINT endpoint_tag_pk PRIMARY KEY ("key", endpoint_id), 
	CONSTRAINT fk_endpoint_tags_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE "endpoints" (
	endpoint_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	routing_strategy VARCHAR(64), 
	fallback_config_json TEXT, 
	experiment_id INTEGER, 
	usage_tracking BOOLEAN DEFAULT '0' NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT endpoints_pk PRIMARY KEY (endpoint_id), 
	CONSTRAINT fk_endpoints_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE SET NULL, 
	CONSTRAINT uq_endpoints_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE entity_associations (
	association_id VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, 
	created_time BIGINT, 
	CONSTRAINT entity_associations_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
CREATE TABLE "evaluation_dataset_records" (
	dataset_record_id VARCHAR(36) NOT NULL, 
	dataset_id VARCHAR(36) NOT NULL, 
	inputs JSON NOT NULL, 
	expectations JSON, 
	tags JSON, 
	source JSON, 
	source_id VARCHAR(36), 
	source_type VARCHAR(255), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	input_hash VARCHAR(64) NOT NULL, outputs JSON, 
	CONSTRAINT evaluation_dataset_records_pk PRIMARY KEY (dataset_record_id), 
	CONSTRAINT fk_evaluation_dataset_records_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE, 
	CONSTRAINT unique_dataset_input UNIQUE (dataset_id, input_hash)
);
CREATE TABLE evaluation_dataset_tags (
	dataset_id VARCHAR(36) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT evaluation_dataset_tags_pk PRIMARY KEY (dataset_id, "key"), 
	CONSTRAINT fk_evaluation_dataset_tags_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE
);
CREATE TABLE "evaluation_datasets" (
	dataset_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	schema TEXT, 
	profile TEXT, 
	digest VARCHAR(64), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT evaluation_datasets_pk PRIMARY KEY (dataset_id)
);
CREATE TABLE experiment_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO "experiments" VALUES(0,'Default','/recorded/mlruns/0','active',1795715209463,1795715209463,'default');
INSERT INTO "experiments" VALUES(1,'bikeml','file:///recorded/mlartifacts','active',1795715209515,1795715209515,'default');
CREATE TABLE guardrail_configs (
	endpoint_id VARCHAR(36) NOT NULL, 
	guardrail_id VARCHAR(36) NOT NULL, 
	execution_order INTEGER, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrail_configs_pk PRIMARY KEY (endpoint_id, guardrail_id), 
	CONSTRAINT fk_guardrail_configs_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_guardrail_configs_guardrail_id FOREIGN KEY(guardrail_id) REFERENCES guardrails (guardrail_id) ON DELETE CASCADE
);
CREATE TABLE guardrails (
	guardrail_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	action_endpoint_id VARCHAR(36), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrails_pk PRIMARY KEY (guardrail_id), 
	CONSTRAINT fk_guardrails_scorer_version FOREIGN KEY(scorer_id, scorer_version) REFERENCES scorer_versions (scorer_id, scorer_version), 
	CONSTRAINT fk_guardrails_action_endpoint_id FOREIGN KEY(action_endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE SET NULL
);
CREATE TABLE input_tags (
	input_uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);
INSERT INTO "input_tags" VALUES('f343389e549a4967b5fbd2a30dd3f136','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('272f4a8928d244caba900fe67bd9ac28','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('ae86e8164f884999b0f968d79d2b5ace','mlflow.data.context','training');
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
INSERT INTO "inputs" VALUES('f343389e549a4967b5fbd2a30dd3f136','DATASET','0b52e9964d4f4862923719822ff7c344','RUN','62191df3a0af44e0be00e815f2ce859b',0);
INSERT INTO "inputs" VALUES('272f4a8928d244caba900fe67bd9ac28','DATASET','0b52e9964d4f4862923719822ff7c344','RUN','af2470ec7c6f4861956f15892b56bd52',0);
INSERT INTO "inputs" VALUES('ae86e8164f884999b0f968d79d2b5ace','DATASET','0b52e9964d4f4862923719822ff7c344','RUN','a4661343db414f4682a150faf9539b09',0);
CREATE TABLE issues (
	issue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	description TEXT NOT NULL, 
	status VARCHAR(50) NOT NULL, 
	severity VARCHAR(50), 
	root_causes TEXT, 
	source_run_id VARCHAR(32), 
	categories TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	CONSTRAINT issues_pk PRIMARY KEY (issue_id), 
	CONSTRAINT fk_issues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT fk_issues_source_run_id FOREIGN KEY(source_run_id) REFERENCES runs (run_uuid) ON DELETE SET NULL
);
CREATE TABLE "jobs" (
	id VARCHAR(36) NOT NULL, 
	creation_time BIGINT NOT NULL, 
	job_name VARCHAR(500) NOT NULL, 
	params TEXT NOT NULL, 
	timeout FLOAT, 
	status INTEGER NOT NULL, 
	result TEXT, 
	retry_count INTEGER NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, status_details JSON, 
	CONSTRAINT jobs_pk PRIMARY KEY (id)
);
CREATE TABLE label_schemas (
	schema_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	instruction TEXT, 
	enable_comment BOOLEAN DEFAULT '0' NOT NULL, 
	input_type VARCHAR(32) NOT NULL, 
	input_config TEXT NOT NULL, 
	created_by VARCHAR(255), 
	created_time BIGINT NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	is_default BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT label_schemas_pk PRIMARY KEY (schema_id), 
	CONSTRAINT fk_label_schemas_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_label_schemas_exp_name UNIQUE (experiment_id, name)
);
CREATE TABLE "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "latest_metrics" VALUES('test_mse',1.72443439779700915092e+05,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_rmse',4.1526309705980486344e+02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_mae',3.02707455549887072265e+02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_r2',6.61935459490331501442e-01,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('cv_r2_mean',6.59494944950109074355e-01,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('cv_r2_std',3.53377234503451445601e-02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('cv_rmse_mean',3.88262341425769932348e+02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('cv_rmse_std',3.44420174700398931113e+01,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_mse_low',1.33636318567835463914e+05,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_mse_high',2.18787410339126363388e+05,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_rmse_low',3.65563012542854153257e+02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_rmse_high',4.67747137293443870486e+02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_mae_low',2.70388415453608047292e+02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_mae_high',3.43928015159204392148e+02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_r2_low',0.615091598533256,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_r2_high',7.05223769496663877021e-01,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('seconds_fit',1.10640180000700638629e-02,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('seconds_judge',2.1746933700001136458e-01,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('seconds_total',2.89086818695068359375e-01,1795715206841,0,0,'62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "latest_metrics" VALUES('test_mse',1.60626913427003892133e+05,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_rmse',4.00782875665869596547e+02,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_mae',2.84690148429006683276e+02,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_r2',6.85101017756556407434e-01,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('cv_r2_mean',6.85877891509931059133e-01,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('cv_r2_std',6.85108790377565723961e-02,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('cv_rmse_mean',3.71072842419058247288e+02,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('cv_rmse_std',4.69182427343198753515e+01,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_mse_low',1.12159761608343411351e+05,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_mse_high',2.13188902634336496701e+05,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_rmse_low',3.34899122818530941008e+02,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_rmse_high',4.61717906824551789675e+02,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_mae_low',2.51598218592696923671e+02,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_mae_high',3.17290405272351108581e+02,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_r2_low',5.97790866934299724988e-01,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('test_r2_high',7.50726298768410571504e-01,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('search_candidates',12.0,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('search_fits',18.0,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('search_fits_avoided',18.0,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('search_fits_resumed',0.0,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('seconds_fit',1.60354179000023577827e-01,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('seconds_judge',1.86598258999993049656e-01,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('seconds_total',4.05725002288818359375e-01,1795715211976,0,0,'af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "latest_metrics" VALUES('mean_fit_time',2.51958100000138074392e-03,1795715211976,0,0,'b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "latest_metrics" VALUES('std_fit_time',9.56004075199385364332e-05,1795715211976,0,0,'b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "latest_metrics" VALUES('mean_score_time',1.07327766666761204202e-03,1795715211976,0,0,'b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "latest_metrics" VALUES('std_score_time',8.19621036634628156829e-06,1795715211976,0,0,'b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "latest_metrics" VALUES('mean_test_score',7.08035495829152594637e-01,1795715211976,0,0,'b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "latest_metrics" VALUES('std_test_score',3.44141126166611632797e-02,1795715211976,0,0,'b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "latest_metrics" VALUES('mean_train_score',7.59788307425882880608e-01,1795715211976,0,0,'b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "latest_metrics" VALUES('std_train_score',1.29537792144371055602e-02,1795715211976,0,0,'b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "latest_metrics" VALUES('test_mse',1.75436128855198272499e+05,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_rmse',4.18850962581200576568e+02,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_mae',2.98165499397598694041e+02,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_r2',6.56068480389886743431e-01,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('cv_r2_mean',6.85241105676741568686e-01,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('cv_r2_std',6.77115132655459750488e-02,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('cv_rmse_mean',3.71704456154949468781e+02,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('cv_rmse_std',4.52850017875821819757e+01,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_mse_low',1.26343667600972839868e+05,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_mse_high',2.32998498807071737241e+05,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_rmse_low',3.55444447550162294651e+02,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_rmse_high',4.82697659026831161089e+02,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_mae_low',2.62588045591569482447e+02,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_mae_high',3.31131885939236894947e+02,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_r2_low',5.69822199860921196901e-01,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('test_r2_high',7.30316379763813250391e-01,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('seconds_fit',4.47602799999913258943e-03,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('seconds_judge',1.64322087999948962533e-01,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('seconds_total',2.07958698272705078125e-01,1795715218337,0,0,'a4661343db414f4682a150faf9539b09');
INSERT INTO "latest_metrics" VALUES('cells_finished',1.0,1795715219226,0,0,'90518d0fc63848d4b29d3ff02095c0eb');
INSERT INTO "latest_metrics" VALUES('cells_failed',1.0,1795715219226,0,0,'90518d0fc63848d4b29d3ff02095c0eb');
INSERT INTO "latest_metrics" VALUES('best_cv_r2_mean',6.85241105676741568686e-01,1795715219226,0,0,'90518d0fc63848d4b29d3ff02095c0eb');
CREATE TABLE logged_model_metrics (
	model_id VARCHAR(36) NOT NULL, 
	metric_name VARCHAR(500) NOT NULL, 
	metric_timestamp_ms BIGINT NOT NULL, 
	metric_step BIGINT NOT NULL, 
	metric_value FLOAT, 
	experiment_id INTEGER NOT NULL, 
	run_id VARCHAR(32) NOT NULL, 
	dataset_uuid VARCHAR(36), 
	dataset_name VARCHAR(500), 
	dataset_digest VARCHAR(36), 
	CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id), 
	CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE, 
	CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE
);
CREATE TABLE logged_model_params (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	param_key VARCHAR(255) NOT NULL, 
	param_value TEXT NOT NULL, 
	CONSTRAINT logged_model_params_pk PRIMARY KEY (model_id, param_key), 
	CONSTRAINT fk_logged_model_params_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
CREATE TABLE logged_model_tags (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	tag_key VARCHAR(255) NOT NULL, 
	tag_value TEXT NOT NULL, 
	CONSTRAINT logged_model_tags_pk PRIMARY KEY (model_id, tag_key), 
	CONSTRAINT fk_logged_model_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE mcp_access_endpoints (
	id VARCHAR(36) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	server_name VARCHAR(256) NOT NULL, 
	server_version VARCHAR(128), 
	server_alias VARCHAR(256), 
	url VARCHAR(2048) NOT NULL, 
	transport_type VARCHAR(32) DEFAULT 'streamable-http' NOT NULL, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_access_endpoints_pk PRIMARY KEY (id), 
	CONSTRAINT mcp_access_endpoints_server_fkey FOREIGN KEY(workspace, server_name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_aliases (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	alias VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	CONSTRAINT mcp_server_aliases_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT mcp_server_aliases_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_tags_pk PRIMARY KEY (workspace, name, "key"), 
	CONSTRAINT mcp_server_tags_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_version_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_version_tags_pk PRIMARY KEY (workspace, name, version, "key"), 
	CONSTRAINT mcp_server_version_tags_version_fkey FOREIGN KEY(workspace, name, version) REFERENCES mcp_server_versions (workspace, name, version) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_versions (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	version_major INTEGER NOT NULL, 
	version_minor INTEGER NOT NULL, 
	version_patch INTEGER NOT NULL, 
	version_prerelease_sort_key VARCHAR(512) NOT NULL, 
	server_json JSON NOT NULL, 
	status VARCHAR(20) DEFAULT 'draft' NOT NULL, 
	tools JSON, 
	source VARCHAR(512), 
	connect_options JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_server_versions_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT mcp_server_versions_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_servers (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	display_name VARCHAR(256), 
	description TEXT, 
	icons JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_servers_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('test_mse',1.72443439779700915092e+05,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_rmse',4.1526309705980486344e+02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_mae',3.02707455549887072265e+02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_r2',6.61935459490331501442e-01,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('cv_r2_mean',6.59494944950109074355e-01,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('cv_r2_std',3.53377234503451445601e-02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('cv_rmse_mean',3.88262341425769932348e+02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('cv_rmse_std',3.44420174700398931113e+01,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_mse_low',1.33636318567835463914e+05,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_mse_high',2.18787410339126363388e+05,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_rmse_low',3.65563012542854153257e+02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_rmse_high',4.67747137293443870486e+02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_mae_low',2.70388415453608047292e+02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_mae_high',3.43928015159204392148e+02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_r2_low',0.615091598533256,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_r2_high',7.05223769496663877021e-01,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('seconds_fit',1.10640180000700638629e-02,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('seconds_judge',2.1746933700001136458e-01,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('seconds_total',2.89086818695068359375e-01,1795715206841,'62191df3a0af44e0be00e815f2ce859b',0,0);
INSERT INTO "metrics" VALUES('test_mse',1.60626913427003892133e+05,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_rmse',4.00782875665869596547e+02,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_mae',2.84690148429006683276e+02,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_r2',6.85101017756556407434e-01,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('cv_r2_mean',6.85877891509931059133e-01,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('cv_r2_std',6.85108790377565723961e-02,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('cv_rmse_mean',3.71072842419058247288e+02,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('cv_rmse_std',4.69182427343198753515e+01,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_mse_low',1.12159761608343411351e+05,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_mse_high',2.13188902634336496701e+05,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_rmse_low',3.34899122818530941008e+02,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_rmse_high',4.61717906824551789675e+02,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_mae_low',2.51598218592696923671e+02,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_mae_high',3.17290405272351108581e+02,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_r2_low',5.97790866934299724988e-01,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('test_r2_high',7.50726298768410571504e-01,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('search_candidates',12.0,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('search_fits',18.0,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('search_fits_avoided',18.0,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('search_fits_resumed',0.0,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('seconds_fit',1.60354179000023577827e-01,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('seconds_judge',1.86598258999993049656e-01,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('seconds_total',4.05725002288818359375e-01,1795715211976,'af2470ec7c6f4861956f15892b56bd52',0,0);
INSERT INTO "metrics" VALUES('mean_fit_time',2.51958100000138074392e-03,1795715211976,'b9fbfde854644397a14ded9248cc9dd0',0,0);
INSERT INTO "metrics" VALUES('std_fit_time',9.56004075199385364332e-05,1795715211976,'b9fbfde854644397a14ded9248cc9dd0',0,0);
INSERT INTO "metrics" VALUES('mean_score_time',1.07327766666761204202e-03,1795715211976,'b9fbfde854644397a14ded9248cc9dd0',0,0);
INSERT INTO "metrics" VALUES('std_score_time',8.19621036634628156829e-06,1795715211976,'b9fbfde854644397a14ded9248cc9dd0',0,0);
INSERT INTO "metrics" VALUES('mean_test_score',7.08035495829152594637e-01,1795715211976,'b9fbfde854644397a14ded9248cc9dd0',0,0);
INSERT INTO "metrics" VALUES('std_test_score',3.44141126166611632797e-02,1795715211976,'b9fbfde854644397a14ded9248cc9dd0',0,0);
INSERT INTO "metrics" VALUES('mean_train_score',7.59788307425882880608e-01,1795715211976,'b9fbfde854644397a14ded9248cc9dd0',0,0);
INSERT INTO "metrics" VALUES('std_train_score',1.29537792144371055602e-02,1795715211976,'b9fbfde854644397a14ded9248cc9dd0',0,0);
INSERT INTO "metrics" VALUES('test_mse',1.75436128855198272499e+05,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_rmse',4.18850962581200576568e+02,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_mae',2.98165499397598694041e+02,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_r2',6.56068480389886743431e-01,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('cv_r2_mean',6.85241105676741568686e-01,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('cv_r2_std',6.77115132655459750488e-02,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('cv_rmse_mean',3.71704456154949468781e+02,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('cv_rmse_std',4.52850017875821819757e+01,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_mse_low',1.26343667600972839868e+05,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_mse_high',2.32998498807071737241e+05,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_rmse_low',3.55444447550162294651e+02,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_rmse_high',4.82697659026831161089e+02,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_mae_low',2.62588045591569482447e+02,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_mae_high',3.31131885939236894947e+02,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_r2_low',5.69822199860921196901e-01,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('test_r2_high',7.30316379763813250391e-01,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('seconds_fit',4.47602799999913258943e-03,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('seconds_judge',1.64322087999948962533e-01,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('seconds_total',2.07958698272705078125e-01,1795715218337,'a4661343db414f4682a150faf9539b09',0,0);
INSERT INTO "metrics" VALUES('cells_finished',1.0,1795715219226,'90518d0fc63848d4b29d3ff02095c0eb',0,0);
INSERT INTO "metrics" VALUES('cells_failed',1.0,1795715219226,'90518d0fc63848d4b29d3ff02095c0eb',0,0);
INSERT INTO "metrics" VALUES('best_cv_r2_mean',6.85241105676741568686e-01,1795715219226,'90518d0fc63848d4b29d3ff02095c0eb',0,0);
CREATE TABLE "model_definitions" (
	model_definition_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	secret_id VARCHAR(36), 
	provider VARCHAR(64) NOT NULL, 
	model_name VARCHAR(256) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_definitions_pk PRIMARY KEY (model_definition_id), 
	CONSTRAINT fk_model_definitions_secret_id FOREIGN KEY(secret_id) REFERENCES secrets (secret_id) ON DELETE SET NULL, 
	CONSTRAINT uq_model_definitions_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE "model_version_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY (workspace, "key", name, version), 
	CONSTRAINT fk_model_version_tags_model_versions FOREIGN KEY(workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE
);
CREATE TABLE "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE online_scoring_configs (
	online_scoring_config_id VARCHAR(36) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	sample_rate FLOAT NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	filter_string TEXT, 
	CONSTRAINT online_scoring_config_pk PRIMARY KEY (online_scoring_config_id), 
	CONSTRAINT fk_online_scoring_configs_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE, 
	CONSTRAINT fk_online_scoring_configs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('azure','workspace','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('tracking','local','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('search','none','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model','lasso','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing','standard','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('split','random','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data','daily','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('seed','0','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.target','rentals','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.numeric','[''temp'', ''atemp'', ''hum'', ''windspeed'']','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.categorical','[''season'', ''mnth'', ''holiday'', ''weekday'', ''workingday'', ''weathersit'']','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.date','dteday','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.date_format','%m/%d/%Y','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.allowed.season','[1, 2, 3, 4]','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.allowed.mnth','[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.allowed.holiday','[0, 1]','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.allowed.weekday','[0, 1, 2, 3, 4, 5, 6]','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.allowed.workingday','[0, 1]','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.allowed.weathersit','[1, 2, 3, 4]','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.separator',',','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('data.encoding','utf-8','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('split.kind','random','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('split.test_size','0.3','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('split.random_state','0','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('split.folds','5','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('split.repeats','1','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.numeric.scaler._target_','sklearn.preprocessing.StandardScaler','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.numeric.scaler.with_mean','True','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.numeric.scaler.with_std','True','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.categorical.onehot._target_','sklearn.preprocessing.OneHotEncoder','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.categorical.onehot.drop','None','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.categorical.onehot.handle_unknown','ignore','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.categorical.onehot.min_frequency','None','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.categorical.onehot.max_categories','None','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('preprocessing.categorical.onehot.sparse_output','False','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator._target_','sklearn.linear_model.Lasso','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator.alpha','1.0','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator.fit_intercept','True','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator.precompute','False','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator.max_iter','10000','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator.tol','0.0001','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator.positive','False','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator.selection','cyclic','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.estimator.random_state','0','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('model.grid.alpha','[0.01, 0.1, 0.3, 1.0, 3.0, 10.0]','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('search.kind','none','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('evaluation.confidence','0.95','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('evaluation.bootstrap_samples','100','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('evaluation.importance_repeats','1','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('evaluation.nested','False','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('evaluation.random_state','0','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "params" VALUES('azure','workspace','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('tracking','local','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search','grid','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model','rf','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('preprocessing','none','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('split','random','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data','daily','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('seed','0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.target','rentals','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.numeric','[''temp'', ''atemp'', ''hum'', ''windspeed'']','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.categorical','[''season'', ''mnth'', ''holiday'', ''weekday'', ''workingday'', ''weathersit'']','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.date','dteday','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.date_format','%m/%d/%Y','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.allowed.season','[1, 2, 3, 4]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.allowed.mnth','[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.allowed.holiday','[0, 1]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.allowed.weekday','[0, 1, 2, 3, 4, 5, 6]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.allowed.workingday','[0, 1]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.allowed.weathersit','[1, 2, 3, 4]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.separator',',','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('data.encoding','utf-8','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('split.kind','random','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('split.test_size','0.3','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('split.random_state','0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('split.folds','5','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('split.repeats','1','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('preprocessing.numeric','{}','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('preprocessing.categorical','{}','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator._target_','sklearn.ensemble.RandomForestRegressor','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.n_estimators','100','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.criterion','squared_error','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.max_depth','3','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.min_samples_split','2','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.min_samples_leaf','1','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.min_weight_fraction_leaf','0.0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.max_features','1.0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.max_leaf_nodes','None','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.min_impurity_decrease','0.0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.bootstrap','True','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.oob_score','False','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.max_samples','None','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.ccp_alpha','0.0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.monotonic_cst','None','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.n_jobs','None','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.estimator.random_state','0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.grid.n_estimators','[2, 4]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.grid.min_samples_leaf','[1, 2, 4]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('model.grid.max_features','[0.5, 1.0]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.kind','grid','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.scoring','r2','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.folds','3','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.n_jobs','None','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.backend','None','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.scheduler','None','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.child_runs','1','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.checkpoint','False','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('search.checkpoint_dir','~/.cache/bikeml/checkpoints','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('evaluation.confidence','0.95','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('evaluation.bootstrap_samples','100','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('evaluation.importance_repeats','1','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('evaluation.nested','False','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('evaluation.random_state','0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('best.max_features','1.0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('best.min_samples_leaf','4','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('best.n_estimators','4','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "params" VALUES('max_features','1.0','b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "params" VALUES('min_samples_leaf','4','b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "params" VALUES('n_estimators','4','b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "params" VALUES('azure','workspace','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('tracking','local','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('search','none','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model','tree','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('preprocessing','none','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('split','random','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data','daily','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('seed','0','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.target','rentals','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.numeric','[''temp'', ''atemp'', ''hum'', ''windspeed'']','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.categorical','[''season'', ''mnth'', ''holiday'', ''weekday'', ''workingday'', ''weathersit'']','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.date','dteday','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.date_format','%m/%d/%Y','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.allowed.season','[1, 2, 3, 4]','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.allowed.mnth','[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.allowed.holiday','[0, 1]','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.allowed.weekday','[0, 1, 2, 3, 4, 5, 6]','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.allowed.workingday','[0, 1]','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.allowed.weathersit','[1, 2, 3, 4]','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.separator',',','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('data.encoding','utf-8','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('split.kind','random','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('split.test_size','0.3','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('split.random_state','0','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('split.folds','5','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('split.repeats','1','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('preprocessing.numeric','{}','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('preprocessing.categorical','{}','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator._target_','sklearn.tree.DecisionTreeRegressor','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.criterion','squared_error','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.splitter','best','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.max_depth','3','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.min_samples_split','2','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.min_samples_leaf','1','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.min_weight_fraction_leaf','0.0','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.max_features','None','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.max_leaf_nodes','None','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.min_impurity_decrease','0.0','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.ccp_alpha','0.0','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.monotonic_cst','None','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.estimator.random_state','0','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.grid.max_depth','[3, 5, 8, None]','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('model.grid.min_samples_leaf','[1, 5, 10, 20]','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('search.kind','none','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('evaluation.confidence','0.95','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('evaluation.bootstrap_samples','100','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('evaluation.importance_repeats','1','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('evaluation.nested','False','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('evaluation.random_state','0','a4661343db414f4682a150faf9539b09');
INSERT INTO "params" VALUES('azure','workspace','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('tracking','local','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('search','none','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model','tree','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('preprocessing','none','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('split','random','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data','daily','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('seed','0','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.target','rentals','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.numeric','[''temp'', ''atemp'', ''hum'', ''windspeed'']','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.categorical','[''season'', ''mnth'', ''holiday'', ''weekday'', ''workingday'', ''weathersit'']','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.date','dteday','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.date_format','%m/%d/%Y','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.allowed.season','[1, 2, 3, 4]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.allowed.mnth','[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.allowed.holiday','[0, 1]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.allowed.weekday','[0, 1, 2, 3, 4, 5, 6]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.allowed.workingday','[0, 1]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.allowed.weathersit','[1, 2, 3, 4]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.separator',',','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('data.encoding','utf-8','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('split.kind','random','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('split.test_size','0.3','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('split.random_state','0','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('split.folds','5','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('split.repeats','1','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('preprocessing.numeric','{}','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('preprocessing.categorical','{}','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator._target_','sklearn.tree.DecisionTreeRegressor','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.criterion','squared_error','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.splitter','best','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.max_depth','3','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.min_samples_split','2','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.min_samples_leaf','1','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.min_weight_fraction_leaf','0.0','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.max_features','None','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.max_leaf_nodes','None','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.min_impurity_decrease','0.0','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.ccp_alpha','0.0','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.monotonic_cst','[0, 0]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.estimator.random_state','0','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.grid.max_depth','[3, 5, 8, None]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('model.grid.min_samples_leaf','[1, 5, 10, 20]','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('search.kind','none','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('evaluation.confidence','0.95','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('evaluation.bootstrap_samples','100','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('evaluation.importance_repeats','1','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('evaluation.nested','False','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "params" VALUES('evaluation.random_state','0','582e61ffbac345e88499b811ec6a2aba');
CREATE TABLE "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE "registered_model_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY (workspace, "key", name), 
	CONSTRAINT fk_registered_model_tags_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE "registered_models" (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE review_queue_items (
	queue_id VARCHAR(36) NOT NULL, 
	item_type VARCHAR(16) NOT NULL, 
	item_id VARCHAR(50) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	completed_by VARCHAR(250), 
	completed_time_ms BIGINT, 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	CONSTRAINT review_queue_items_pk PRIMARY KEY (queue_id, item_id), 
	CONSTRAINT fk_review_queue_items_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_label_schemas (
	queue_id VARCHAR(36) NOT NULL, 
	schema_id VARCHAR(36) NOT NULL, 
	CONSTRAINT review_queue_label_schemas_pk PRIMARY KEY (queue_id, schema_id), 
	CONSTRAINT fk_review_queue_label_schemas_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_users (
	queue_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queue_users_pk PRIMARY KEY (queue_id, user_id), 
	CONSTRAINT fk_review_queue_users_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queues (
	queue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	queue_type VARCHAR(16) NOT NULL, 
	created_by VARCHAR(255), 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	name_key VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queues_pk PRIMARY KEY (queue_id), 
	CONSTRAINT fk_review_queues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_review_queues_experiment_name_key UNIQUE (experiment_id, name_key)
);
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('62191df3a0af44e0be00e815f2ce859b','lasso-standard','UNKNOWN','','','unknown','FINISHED',1795715206841,1795715209570,'','active','file:///recorded/mlartifacts/62191df3a0af44e0be00e815f2ce859b/artifacts',1,NULL);
INSERT INTO "runs" VALUES('af2470ec7c6f4861956f15892b56bd52','rf-grid','UNKNOWN','','','unknown','FINISHED',1795715211976,1795715214218,'','active','file:///recorded/mlartifacts/af2470ec7c6f4861956f15892b56bd52/artifacts',1,NULL);
INSERT INTO "runs" VALUES('b9fbfde854644397a14ded9248cc9dd0','rf-grid-1','UNKNOWN','','','unknown','FINISHED',1795715211976,1795715214213,'','active','file:///recorded/mlartifacts/b9fbfde854644397a14ded9248cc9dd0/artifacts',1,NULL);
INSERT INTO "runs" VALUES('90518d0fc63848d4b29d3ff02095c0eb','sweep of 2 cells','UNKNOWN','','','unknown','FAILED',1795715216051,1795715219239,'','active','file:///recorded/mlartifacts/90518d0fc63848d4b29d3ff02095c0eb/artifacts',1,NULL);
INSERT INTO "runs" VALUES('a4661343db414f4682a150faf9539b09','tree','UNKNOWN','','','unknown','FINISHED',1795715218337,1795715218848,'','active','file:///recorded/mlartifacts/a4661343db414f4682a150faf9539b09/artifacts',1,NULL);
INSERT INTO "runs" VALUES('582e61ffbac345e88499b811ec6a2aba','tree','UNKNOWN','','','unknown','FAILED',1795715218959,1795715219018,'','active','file:///recorded/mlartifacts/582e61ffbac345e88499b811ec6a2aba/artifacts',1,NULL);
CREATE TABLE scorer_versions (
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	serialized_scorer TEXT NOT NULL, 
	creation_time BIGINT, 
	CONSTRAINT scorer_version_pk PRIMARY KEY (scorer_id, scorer_version), 
	CONSTRAINT fk_scorer_versions_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE
);
CREATE TABLE scorers (
	experiment_id INTEGER NOT NULL, 
	scorer_name VARCHAR(256) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	CONSTRAINT scorer_pk PRIMARY KEY (scorer_id), 
	CONSTRAINT fk_scorers_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE "secrets" (
	secret_id VARCHAR(36) NOT NULL, 
	secret_name VARCHAR(255) NOT NULL, 
	encrypted_value BLOB NOT NULL, 
	wrapped_dek BLOB NOT NULL, 
	kek_version INTEGER NOT NULL, 
	masked_value VARCHAR(500) NOT NULL, 
	provider VARCHAR(64), 
	auth_config TEXT, 
	description TEXT, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT secrets_pk PRIMARY KEY (secret_id), 
	CONSTRAINT uq_secrets_workspace_secret_name UNIQUE (workspace, secret_name)
);
CREATE TABLE span_metrics (
	trace_id VARCHAR(50) NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT span_metrics_pk PRIMARY KEY (trace_id, span_id, "key"), 
	CONSTRAINT fk_span_metrics_span FOREIGN KEY(trace_id, span_id) REFERENCES spans (trace_id, span_id) ON DELETE CASCADE
);
CREATE TABLE spans (
	trace_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	parent_span_id VARCHAR(50), 
	name TEXT, 
	type VARCHAR(500), 
	status VARCHAR(50) NOT NULL, 
	start_time_unix_nano BIGINT NOT NULL, 
	end_time_unix_nano BIGINT, 
	duration_ns BIGINT GENERATED ALWAYS AS (end_time_unix_nano - start_time_unix_nano) STORED, 
	content TEXT NOT NULL, dimension_attributes JSON, 
	CONSTRAINT spans_pk PRIMARY KEY (trace_id, span_id), 
	CONSTRAINT fk_spans_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE, 
	CONSTRAINT fk_spans_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "tags" VALUES('bikeml.version','0.1.0','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.fingerprint','ccbc5e3c08b1930b44878f89c5dd52d27fb09b74653fdb0b8363b635cd54e432','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.options','azure=workspace data=daily model=lasso preprocessing=standard search=none split=random tracking=local','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.reproducible','true','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.data_sha256','6352e71d36c6c5860c7e120fec48216df0f50d12bfd37e546d44ad0b9ff00730','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.source','406c3df06f45873f','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.versions','numpy=2.4.6 scipy=1.17.1 pandas=2.3.3 scikit-learn=1.9.1','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.model_sha256','59a10eb065fb9031e423a1150582e438d58405bc048113ec3670fb6136a3c17d','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.command','python -m bikeml model=lasso preprocessing=standard hydra.run.dir=lasso evaluation.bootstrap_samples=100 evaluation.importance_repeats=1','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.cpu','Intel(R) Xeon(R) Processor','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.blas','[{"internal_api": "openblas", "version": "0.3.30", "architecture": "SkylakeX", "threading_layer": "pthreads", "num_threads": 1}, {"internal_api": "openblas", "version": "0.3.31.188.0", "architecture": "SkylakeX", "threading_layer": "pthreads", "num_threads": 1}]','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('mlflow.source.name','bikeml','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.owner','{"host": "elsewhere", "pid": 11051, "started": 1795715204.28}','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('mlflow.runName','lasso-standard','62191df3a0af44e0be00e815f2ce859b');
INSERT INTO "tags" VALUES('bikeml.version','0.1.0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.fingerprint','7c38a66a946a82e1244e7449f23bc6d08a0d021ec3e4f0dd9c48d0e48eafa2ef','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.options','azure=workspace data=daily model=rf preprocessing=none search=grid split=random tracking=local','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.reproducible','true','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.data_sha256','6352e71d36c6c5860c7e120fec48216df0f50d12bfd37e546d44ad0b9ff00730','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.source','406c3df06f45873f','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.versions','numpy=2.4.6 scipy=1.17.1 pandas=2.3.3 scikit-learn=1.9.1','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.model_sha256','3ee5dc5f59e0c33efce00dde6c7f21f47c09adca048248e20c6ad0e3a4c62cd0','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.command','python -m bikeml model=rf model.estimator.max_depth=3 search=grid search.child_runs=1 hydra.run.dir=rf ''model.grid={n_estimators: [2, 4], max_features: [0.5, 1.0]}'' evaluation.bootstrap_samples=100 evaluation.importance_repeats=1','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.cpu','Intel(R) Xeon(R) Processor','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.blas','[{"internal_api": "openblas", "version": "0.3.30", "architecture": "SkylakeX", "threading_layer": "pthreads", "num_threads": 1}, {"internal_api": "openblas", "version": "0.3.31.188.0", "architecture": "SkylakeX", "threading_layer": "pthreads", "num_threads": 1}]','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('mlflow.source.name','bikeml','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','3345f7931db065bfa52de79cb5dfabd06e46bbc7','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.uncommitted_changes','true','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.cv','tuned on these rows','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('bikeml.owner','{"host": "elsewhere", "pid": 11104, "started": 1795715209.27}','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('mlflow.runName','rf-grid','af2470ec7c6f4861956f15892b56bd52');
INSERT INTO "tags" VALUES('mlflow.parentRunId','af2470ec7c6f4861956f15892b56bd52','b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "tags" VALUES('mlflow.source.name','bikeml','b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "tags" VALUES('bikeml.candidate_rank','1','b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "tags" VALUES('bikeml.owner','{"host": "elsewhere", "pid": 11104, "started": 1795715209.27}','b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "tags" VALUES('mlflow.runName','rf-grid-1','b9fbfde854644397a14ded9248cc9dd0');
INSERT INTO "tags" VALUES('bikeml.command','python -m bikeml -m model=tree model.estimator.max_depth=3 hydra.sweep.dir=sweep ''model.estimator.monotonic_cst=null,[0,0]'' evaluation.bootstrap_samples=100 evaluation.importance_repeats=1','90518d0fc63848d4b29d3ff02095c0eb');
INSERT INTO "tags" VALUES('mlflow.source.name','bikeml','90518d0fc63848d4b29d3ff02095c0eb');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','90518d0fc63848d4b29d3ff02095c0eb');
INSERT INTO "tags" VALUES('bikeml.owner','{"host": "elsewhere", "pid": 11123, "started": 1795715213.91}','90518d0fc63848d4b29d3ff02095c0eb');
INSERT INTO "tags" VALUES('mlflow.runName','sweep of 2 cells','90518d0fc63848d4b29d3ff02095c0eb');
INSERT INTO "tags" VALUES('bikeml.version','0.1.0','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.fingerprint','2f534934087fede95cdfbe12de3c19413937c199c392a56c58d5273e856aec35','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.options','azure=workspace data=daily model=tree preprocessing=none search=none split=random tracking=local','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.reproducible','true','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.data_sha256','6352e71d36c6c5860c7e120fec48216df0f50d12bfd37e546d44ad0b9ff00730','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.source','406c3df06f45873f','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.versions','numpy=2.4.6 scipy=1.17.1 pandas=2.3.3 scikit-learn=1.9.1','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.model_sha256','75283a1a15a9ec3d49ff6070b7e5641ecda37a5f31e0a70925377b239bed5b44','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.command','python -m bikeml model=tree model.estimator.max_depth=3 model.estimator.monotonic_cst=null evaluation.bootstrap_samples=100 evaluation.importance_repeats=1','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.cpu','Intel(R) Xeon(R) Processor','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.blas','[{"internal_api": "openblas", "version": "0.3.30", "architecture": "SkylakeX", "threading_layer": "pthreads", "num_threads": 1}, {"internal_api": "openblas", "version": "0.3.31.188.0", "architecture": "SkylakeX", "threading_layer": "pthreads", "num_threads": 1}]','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('mlflow.source.name','bikeml','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','3345f7931db065bfa52de79cb5dfabd06e46bbc7','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.uncommitted_changes','true','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('mlflow.parentRunId','90518d0fc63848d4b29d3ff02095c0eb','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.owner','{"host": "elsewhere", "pid": 11123, "started": 1795715213.91}','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('mlflow.runName','tree','a4661343db414f4682a150faf9539b09');
INSERT INTO "tags" VALUES('bikeml.fingerprint','4770d282edc365be4f9188f21b469e718fb9d2cd8dd18b44dd42f382d773fc5c','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "tags" VALUES('bikeml.options','azure=workspace data=daily model=tree preprocessing=none search=none split=random tracking=local','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "tags" VALUES('bikeml.error','the pipeline could not be fitted: ValueError: monotonic_cst has shape 2 but the input data X has 10 features.','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "tags" VALUES('mlflow.parentRunId','90518d0fc63848d4b29d3ff02095c0eb','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "tags" VALUES('bikeml.owner','{"host": "elsewhere", "pid": 11123, "started": 1795715213.91}','582e61ffbac345e88499b811ec6a2aba');
INSERT INTO "tags" VALUES('mlflow.runName','tree','582e61ffbac345e88499b811ec6a2aba');
CREATE TABLE "trace_info" (
	request_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	timestamp_ms BIGINT NOT NULL, 
	execution_time_ms BIGINT, 
	status VARCHAR(50) NOT NULL, 
	client_request_id VARCHAR(50), 
	request_preview VARCHAR(1000), 
	response_preview VARCHAR(1000), 
	db_payload_generation INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT trace_info_pk PRIMARY KEY (request_id), 
	CONSTRAINT fk_trace_info_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE trace_metrics (
	request_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT trace_metrics_pk PRIMARY KEY (request_id, "key"), 
	CONSTRAINT fk_trace_metrics_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_request_metadata" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_request_metadata_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_request_metadata_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_tag_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_tags_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE webhook_events (
	webhook_id VARCHAR(256) NOT NULL, 
	entity VARCHAR(50) NOT NULL, 
	action VARCHAR(50) NOT NULL, 
	CONSTRAINT webhook_event_pk PRIMARY KEY (webhook_id, entity, action), 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (webhook_id) ON DELETE cascade
);
CREATE TABLE "webhooks" (
	webhook_id VARCHAR(256) NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	description VARCHAR(1000), 
	url VARCHAR(500) NOT NULL, 
	status VARCHAR(20) DEFAULT 'ACTIVE' NOT NULL, 
	secret VARCHAR(1000), 
	creation_timestamp BIGINT, 
	last_updated_timestamp BIGINT, 
	deleted_timestamp BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT webhook_pk PRIMARY KEY (webhook_id)
);
CREATE TABLE workspaces (
	name VARCHAR(63) NOT NULL, 
	description TEXT, 
	default_artifact_root TEXT, trace_archival_location TEXT, trace_archival_retention VARCHAR(32), 
	CONSTRAINT workspaces_pk PRIMARY KEY (name)
);
INSERT INTO "workspaces" VALUES('default','Default workspace for legacy resources',NULL,NULL,NULL);
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_trace_tags_request_id ON trace_tags (request_id);
CREATE INDEX index_trace_request_metadata_request_id ON trace_request_metadata (request_id);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type ON datasets (experiment_id, dataset_source_type);
CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_logged_model_metrics_model_id ON logged_model_metrics (model_id);
CREATE INDEX index_assessments_trace_id_created_timestamp ON assessments (trace_id, created_timestamp);
CREATE INDEX index_assessments_run_id_created_timestamp ON assessments (run_id, created_timestamp);
CREATE INDEX index_assessments_last_updated_timestamp ON assessments (last_updated_timestamp);
CREATE INDEX index_assessments_assessment_type ON assessments (assessment_type);
CREATE INDEX index_spans_experiment_id_status_type ON spans (experiment_id, status, type);
CREATE INDEX index_spans_experiment_id_type_status ON spans (experiment_id, type, status);
CREATE INDEX index_spans_experiment_id_duration ON spans (experiment_id, duration_ns);
CREATE INDEX index_entity_associations_association_id ON entity_associations (association_id);
CREATE INDEX index_entity_associations_reverse_lookup ON entity_associations (destination_type, destination_id, source_type, source_id);
CREATE INDEX idx_webhook_events_entity ON webhook_events (entity);
CREATE INDEX idx_webhook_events_action ON webhook_events (action);
CREATE INDEX idx_webhook_events_entity_action ON webhook_events (entity, action);
CREATE UNIQUE INDEX index_scorers_experiment_id_scorer_name ON scorers (experiment_id, scorer_name);
CREATE INDEX index_scorer_versions_scorer_id ON scorer_versions (scorer_id);
CREATE INDEX index_evaluation_dataset_tags_dataset_id ON evaluation_dataset_tags (dataset_id);
CREATE INDEX index_evaluation_dataset_records_dataset_id ON evaluation_dataset_records (dataset_id);
CREATE INDEX index_endpoint_model_mappings_endpoint_id ON endpoint_model_mappings (endpoint_id);
CREATE INDEX index_endpoint_model_mappings_model_definition_id ON endpoint_model_mappings (model_definition_id);
CREATE INDEX index_endpoint_tags_endpoint_id ON endpoint_tags (endpoint_id);
CREATE INDEX index_trace_metrics_request_id ON trace_metrics (request_id);
CREATE UNIQUE INDEX unique_endpoint_model_linkage_mapping ON endpoint_model_mappings (endpoint_id, model_definition_id, linkage_type);
CREATE INDEX index_span_metrics_trace_id_span_id ON span_metrics (trace_id, span_id);
CREATE INDEX index_evaluation_datasets_created_time ON evaluation_datasets (created_time);
CREATE INDEX index_evaluation_datasets_name ON evaluation_datasets (name);
CREATE INDEX idx_webhooks_name ON webhooks (name);
CREATE INDEX idx_webhooks_status ON webhooks (status);
CREATE TRIGGER prevent_secrets_aad_mutation
BEFORE UPDATE ON secrets
FOR EACH ROW
WHEN OLD.secret_id != NEW.secret_id OR OLD.secret_name != NEW.secret_name
BEGIN
    SELECT RAISE(ABORT, 'secret_id and secret_name are immutable (used as AAD in encryption)');
END;
CREATE INDEX index_model_definitions_secret_id ON model_definitions (secret_id);
CREATE INDEX index_model_definitions_provider ON model_definitions (provider);
CREATE INDEX index_jobs_name_status_creation_time ON jobs (job_name, workspace, status, creation_time);
CREATE INDEX idx_experiments_workspace ON experiments (workspace);
CREATE INDEX idx_registered_models_workspace ON registered_models (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON experiments (workspace, creation_time);
CREATE INDEX idx_evaluation_datasets_workspace ON evaluation_datasets (workspace);
CREATE INDEX idx_webhooks_workspace ON webhooks (workspace);
CREATE INDEX idx_secrets_workspace ON secrets (workspace);
CREATE INDEX idx_endpoints_workspace ON endpoints (workspace);
CREATE INDEX idx_model_definitions_workspace ON model_definitions (workspace);
CREATE INDEX idx_budget_policies_workspace ON budget_policies (workspace);
CREATE INDEX index_issues_experiment_id ON issues (experiment_id);
CREATE INDEX index_issues_source_run_id ON issues (source_run_id);
CREATE INDEX index_issues_status ON issues (status);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE INDEX idx_guardrails_workspace ON guardrails (workspace);
CREATE INDEX idx_guardrails_scorer ON guardrails (scorer_id, scorer_version);
CREATE INDEX idx_guardrail_configs_endpoint_id ON guardrail_configs (endpoint_id);
CREATE INDEX idx_guardrail_configs_guardrail_id ON guardrail_configs (guardrail_id);
CREATE INDEX idx_model_version_tags_workspace_name_version ON model_version_tags (workspace, name, version);
CREATE INDEX idx_registered_model_tags_workspace_name ON registered_model_tags (workspace, name);
CREATE INDEX index_label_schemas_experiment_id ON label_schemas (experiment_id);
CREATE INDEX index_review_queues_experiment_id ON review_queues (experiment_id);
CREATE INDEX index_review_queue_users_user_id ON review_queue_users (user_id);
CREATE INDEX index_review_queue_items_queue_id_status ON review_queue_items (queue_id, status);
CREATE INDEX index_review_queue_items_item_id ON review_queue_items (item_id);
CREATE INDEX index_review_queue_label_schemas_schema_id ON review_queue_label_schemas (schema_id);
CREATE INDEX idx_mcp_server_versions_latest ON mcp_server_versions (workspace, name, status, version_major DESC, version_minor DESC, version_patch DESC);
CREATE INDEX ix_mcp_access_endpoints_server_name ON mcp_access_endpoints (workspace, server_name);
CREATE INDEX ix_mcp_access_endpoints_version ON mcp_access_endpoints (workspace, server_name, server_version);
CREATE INDEX ix_mcp_access_endpoints_alias ON mcp_access_endpoints (workspace, server_name, server_alias);
CREATE INDEX index_spans_experiment_id_start_time ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX idx_budget_policies_target_value ON budget_policies (target_value);
CREATE INDEX index_trace_info_experiment_id_timestamp_ms ON trace_info (experiment_id, timestamp_ms);
COMMIT;
